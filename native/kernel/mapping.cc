#include "kernel/mapping.h"

#include <cassert>
#include <cstdint>
#include <string>

#include "kernel/hex_list.h"

namespace flatview::kernel {
namespace {

std::string Describe(size_t length, int flags, int fd, uint64_t offset) {
  std::string text = ToString({{"length", length}, {"flags", static_cast<uint64_t>(flags)}});
  if (fd != -1) text += ", fd " + std::to_string(fd);
  if (offset != 0) text += ", " + ToString({{"offset", offset}});
  return text;
}

}  // namespace

std::variant<Mapping, SystemError> Mapping::Reserve(size_t length, size_t alignment, size_t phase) {
  assert((alignment & (alignment - 1)) == 0 && phase < alignment);
  assert(length <= SIZE_MAX - alignment);
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  // An aligned stretch of `length` lies somewhere within; what is around it goes back.
  const size_t claimed = length + alignment;
  void* const start = mmap(nullptr, claimed, PROT_NONE, kFlags, -1, 0);
  if (start == MAP_FAILED) return SystemError::Last("mmap", Describe(claimed, kFlags, -1, 0));
  std::byte* const first = static_cast<std::byte*>(start);
  const size_t before = (phase - reinterpret_cast<uintptr_t>(start)) & (alignment - 1);
  if (before > 0) munmap(first, before);
  if (before < alignment) munmap(first + before + length, alignment - before);
  return Mapping(first + before, length);
}

std::optional<SystemError> Mapping::Place(int flags, int fd, uint64_t offset, int protection) {
  const int all_flags = flags | MAP_FIXED;
  const auto at = static_cast<off_t>(offset);
  void* const placed = mmap(data_, length_, protection, all_flags, fd, at);
  if (placed != MAP_FAILED) return std::nullopt;
  return SystemError::Last("mmap", Describe(length_, all_flags, fd, offset));
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, length_);
}

}  // namespace flatview::kernel
