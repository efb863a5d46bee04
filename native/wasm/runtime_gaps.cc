// What the module has of its own instead of the C and C++ runtimes'.

#include <__verbose_abort>
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace {

constexpr size_t kPage = 65536;  // WebAssembly's
// Memory grows by a part of what there is at least.
constexpr size_t kGrowthShare = 8;

uintptr_t MemoryEnd() { return __builtin_wasm_memory_size(0) * kPage; }

// At least `bytes`, which is whole pages.
bool Grow(size_t bytes) {
  const size_t ahead = std::max(bytes, MemoryEnd() / kGrowthShare) / kPage;
  for (const size_t pages : {ahead, bytes / kPage}) {
    if (__builtin_wasm_memory_grow(0, pages) != SIZE_MAX) return true;
  }
  return false;
}

}  // namespace

extern "C" {

// Where malloc gets memory, in whole pages. That of wasi-libc grows by one page each time, for
// which the JavaScript engine takes 60 us and, thinking that much is allocated, collects garbage.
void* sbrk(intptr_t increment) {
  static uintptr_t end = MemoryEnd();
  const uintptr_t first = end;
  const size_t bytes = static_cast<size_t>(increment);
  const size_t left = MemoryEnd() - first;
  if (bytes > left && !Grow(bytes - left)) {
    errno = ENOMEM;
    return reinterpret_cast<void*>(UINTPTR_MAX);
  }
  end = first + bytes;
  return reinterpret_cast<void*>(first);
}

// What libc++ and libc++abi do when they give up (no memory, a pure virtual call) is to say so on
// standard error, for which the module would have to import files of WASI. It can only trap, and
// whoever called it sees a WebAssembly.RuntimeError.
[[noreturn]] void abort_message(const char* /*format*/, ...) { __builtin_trap(); }

}  // extern "C"

[[noreturn]] void std::__libcpp_verbose_abort(const char* /*format*/, ...) { __builtin_trap(); }
