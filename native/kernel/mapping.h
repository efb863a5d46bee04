#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "kernel/system_error.h"

namespace flatview::kernel {

// Owns a stretch of this process' addresses, and unmaps it in the end.
//
// Thread safety: none.
class Mapping {
 public:
  // Claims addresses `phase` above a multiple of `alignment`; nothing lies behind them, so that an
  // access faults, until Place() puts something there.
  //
  // REQUIRES: all are multiples of the page size, `alignment` a power of two, `phase` less than it,
  // and `length + alignment` fits size_t.
  [[nodiscard]] static std::variant<Mapping, SystemError> Reserve(size_t length, size_t alignment,
                                                                  size_t phase = 0);

  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), length_(std::exchange(other.length_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(length_, other.length_);
    return *this;
  }
  ~Mapping();

  static constexpr int kReadWrite = PROT_READ | PROT_WRITE;

  // Maps all of it in the way of mmap's `flags` (MAP_FIXED is added), from `offset` in `fd` on,
  // which is -1 for anonymous memory. The mapping outlives the descriptor.
  [[nodiscard]] std::optional<SystemError> Place(int flags, int fd, uint64_t offset = 0,
                                                 int protection = kReadWrite);

  std::byte* data() const { return data_; }
  size_t length() const { return length_; }

 private:
  Mapping(std::byte* data, size_t length) : data_(data), length_(length) {}

  std::byte* data_ = nullptr;
  size_t length_ = 0;
};

}  // namespace flatview::kernel
