#pragma once

#include <cstddef>
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
  // Claims addresses at a multiple of `alignment`; nothing lies behind them, so that an access
  // faults, until Place() puts something there.
  //
  // REQUIRES: `length` and `alignment` are multiples of the page size, `alignment` a power of two,
  // and their sum fits size_t.
  [[nodiscard]] static std::variant<Mapping, SystemError> Reserve(size_t length, size_t alignment);

  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), length_(std::exchange(other.length_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(length_, other.length_);
    return *this;
  }
  ~Mapping();

  // Maps all of it, readable and writable, in the way of mmap's `flags` (MAP_FIXED is added) and
  // from the start of `fd`, which is -1 for anonymous memory. The mapping outlives the descriptor.
  [[nodiscard]] std::optional<SystemError> Place(int flags, int fd);

  std::byte* data() const { return data_; }
  size_t length() const { return length_; }

 private:
  Mapping(std::byte* data, size_t length) : data_(data), length_(length) {}

  std::byte* data_ = nullptr;
  size_t length_ = 0;
};

}  // namespace flatview::kernel
