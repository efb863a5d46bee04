#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "kernel/ioctl.h"

namespace flatview::kernel::vfio {

using Bytes = std::span<const std::byte>;

// A `T` at `offset` of `bytes`, at any alignment; none if it doesn't lie within.
template <typename T>
std::optional<T> ReadAt(Bytes bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T result;
  std::memcpy(&result, bytes.data() + offset, sizeof(T));
  return result;
}

// `count` of them, one after the other.
template <typename T>
std::optional<std::vector<T>> ReadArray(Bytes bytes, uint64_t offset, uint64_t count) {
  if (offset > bytes.size() || (bytes.size() - offset) / sizeof(T) < count) return std::nullopt;
  std::vector<T> result(count);
  if (count > 0) std::memcpy(result.data(), bytes.data() + offset, count * sizeof(T));
  return result;
}

// The capabilities that follow an answer of VFIO's: a list, linked by offsets.
class CapabilityChain {
 public:
  // `answer` is all that the kernel wrote, `first` where the first capability begins, 0 if there is
  // none. None of a chain that leads out of the answer or back into itself.
  static std::optional<CapabilityChain> Read(Bytes answer, uint32_t first);

  // The first one with this id, from its header to the end of the answer; empty if there is none.
  Bytes Find(uint16_t id) const;

 private:
  struct Capability {
    uint16_t id;
    Bytes bytes;
  };

  std::vector<Capability> capabilities_;
};

// Asks `request` with `question`, which begins with its argsz, and with more room if the kernel has
// more to say. Refused with EPROTO if it never has said all.
[[nodiscard]] std::variant<std::vector<std::byte>, SystemError> Ask(const FileDescriptor& fd,
                                                                    const Request& request,
                                                                    Bytes question,
                                                                    HexList arguments);

}  // namespace flatview::kernel::vfio
