#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace flatview::kernel {

// Accesses of exactly one width. Memory may be a device's, whose registers notice how they are
// read: one machine access of 1, 2, 4 or 8 bytes, never memcpy, never split or joined. Values are
// in the host's byte order. Any alignment is allowed, as it is for the guest's own accesses; an
// unaligned one is a single instruction too, on the processors that have such.
//
// Memory may also not answer: a BAR whose device doesn't decode memory, sleeps or is gone, a file
// that was truncated, a page that is broken. The kernel says so by SIGBUS. Where
// SurviveBusErrors() was called, such an access comes to nothing and says so, on whatever thread;
// it costs nothing as long as the memory answers. On processors other than x86-64 and arm64 the
// process ends, as it does without that call.

// Whether there is an access of `width` bytes.
inline bool IsAccessWidth(uint32_t width) {
  return width == 1 || width == 2 || width == 4 || width == 8;
}

// Nothing if the memory doesn't answer.
//
// REQUIRES: IsAccessWidth(width), and that many bytes at `from`.
[[nodiscard]] std::optional<uint64_t> Load(const std::byte* from, uint32_t width);

// Stores the low `width` bytes of `value`. Whether the memory took them; else nothing has changed,
// unless the access is unaligned and the processor makes several of it.
//
// REQUIRES: IsAccessWidth(width), and that many bytes at `to`.
[[nodiscard]] bool Store(std::byte* to, uint32_t width, uint64_t value);

// Copies bytes by accesses of any width, as memmove does. Whether both sides answered; else some
// of the bytes may have been copied.
[[nodiscard]] bool Move(std::byte* to, const std::byte* from, size_t length);

// Where the code at `address` goes on if its access raises SIGBUS: 0 unless it is an access of the
// functions above. For the handler of that signal.
uintptr_t AfterFailedAccess(uintptr_t address);

}  // namespace flatview::kernel
