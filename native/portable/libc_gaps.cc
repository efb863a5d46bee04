// What GCC's static runtime (libstdc++.a, libgcc.a) and C++'s headers ask of the C library that an
// older glibc or musl doesn't have. Only the binaries that the package ships contain this: they
// load on all of them (scripts/prebuild.mjs). Nothing of it is visible outside of the addon.

#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

// The names are the C library's.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {

int __cxa_atexit(void (*function)(void*), void* argument, void* dso);
extern void* __dso_handle;

// glibc links it into each library instead of having it in its own.
int atexit(void (*function)()) noexcept {
  const auto call = [](void* argument) { reinterpret_cast<void (*)()>(argument)(); };
  return __cxa_atexit(call, reinterpret_cast<void*>(function), static_cast<void*>(&__dso_handle));
}

// glibc 2.32. Never single-threaded: Node.js has threads, so counts of shared_ptr are atomic.
char __libc_single_threaded = 0;

// glibc 2.35: where the unwinder looks for a stack's next frame. Not found ends the process, which
// an exception does here in any case: everything is compiled without them.
int _dl_find_object(void* address, void* result) { return -1; }

// glibc 2.36, for std::random_device, which this addon doesn't use but std::string's members can.
uint32_t arc4random() {
  uint32_t value = 0;
  if (getentropy(&value, sizeof(value)) != 0) std::abort();
  return value;
}

#if defined(__aarch64__)
// glibc has it under both names, musl under one: by it libgcc knows whether the processor has
// atomic instructions.
unsigned long __getauxval(unsigned long type) { return getauxval(type); }
#endif

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
