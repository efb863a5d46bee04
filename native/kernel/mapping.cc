#include "kernel/mapping.h"

#include <sys/mman.h>

#include <cassert>
#include <cstdint>
#include <sstream>
#include <string>

namespace flatview::kernel {
namespace {

std::string Describe(size_t length, int flags, int fd) {
  std::ostringstream out;
  out << std::hex << "length 0x" << length << ", flags 0x" << flags;
  if (fd != -1) out << std::dec << ", fd " << fd;
  return out.str();
}

}  // namespace

std::variant<Mapping, SystemError> Mapping::Reserve(size_t length, size_t alignment) {
  assert((alignment & (alignment - 1)) == 0);
  assert(length <= SIZE_MAX - alignment);
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  // An aligned stretch of `length` lies somewhere within; what is around it goes back.
  const size_t claimed = length + alignment;
  void* const start = mmap(nullptr, claimed, PROT_NONE, kFlags, -1, 0);
  if (start == MAP_FAILED) return SystemError::Last("mmap", Describe(claimed, kFlags, -1));
  std::byte* const first = static_cast<std::byte*>(start);
  const size_t misaligned = reinterpret_cast<uintptr_t>(start) & (alignment - 1);
  const size_t before = misaligned == 0 ? 0 : alignment - misaligned;
  if (before > 0) munmap(first, before);
  if (before < alignment) munmap(first + before + length, alignment - before);
  return Mapping(first + before, length);
}

std::optional<SystemError> Mapping::Place(int flags, int fd) {
  const int all_flags = flags | MAP_FIXED;
  void* const placed = mmap(data_, length_, PROT_READ | PROT_WRITE, all_flags, fd, 0);
  if (placed != MAP_FAILED) return std::nullopt;
  return SystemError::Last("mmap", Describe(length_, all_flags, fd));
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, length_);
}

}  // namespace flatview::kernel
