#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

namespace flatview::kernel {

// Accesses of exactly one width. Memory may be a device's, whose registers notice how they are
// read: one machine access of 1, 2, 4 or 8 bytes, never memcpy, never split or joined by the
// compiler. Values are in the host's byte order. Any alignment is allowed, as it is for the guest's
// own accesses; an unaligned one is a single instruction too, on the processors that have such.

namespace internal {

// Types that may lie anywhere and over anything.
using Unaligned8 = uint8_t __attribute__((may_alias));
using Unaligned16 = uint16_t __attribute__((aligned(1), may_alias));
using Unaligned32 = uint32_t __attribute__((aligned(1), may_alias));
using Unaligned64 = uint64_t __attribute__((aligned(1), may_alias));

}  // namespace internal

// Whether there is an access of `width` bytes.
inline bool IsAccessWidth(uint32_t width) {
  return width == 1 || width == 2 || width == 4 || width == 8;
}

// REQUIRES: IsAccessWidth(width), and that many bytes at `from`.
inline uint64_t Load(const std::byte* from, uint32_t width) {
  assert(IsAccessWidth(width));
  const volatile void* const address = from;
  switch (width) {
    case 1:
      return *static_cast<const volatile internal::Unaligned8*>(address);
    case 2:
      return *static_cast<const volatile internal::Unaligned16*>(address);
    case 4:
      return *static_cast<const volatile internal::Unaligned32*>(address);
    default:
      return *static_cast<const volatile internal::Unaligned64*>(address);
  }
}

// Stores the low `width` bytes of `value`.
//
// REQUIRES: IsAccessWidth(width), and that many bytes at `to`.
inline void Store(std::byte* to, uint32_t width, uint64_t value) {
  assert(IsAccessWidth(width));
  volatile void* const address = to;
  switch (width) {
    case 1:
      *static_cast<volatile internal::Unaligned8*>(address) = static_cast<uint8_t>(value);
      return;
    case 2:
      *static_cast<volatile internal::Unaligned16*>(address) = static_cast<uint16_t>(value);
      return;
    case 4:
      *static_cast<volatile internal::Unaligned32*>(address) = static_cast<uint32_t>(value);
      return;
    default:
      *static_cast<volatile internal::Unaligned64*>(address) = value;
  }
}

}  // namespace flatview::kernel
