// What the C++ runtime does when it gives up (no memory, a pure virtual call): it says so on
// standard error, for which the module would have to import files of WASI. A module can only trap,
// and whoever called it sees a WebAssembly.RuntimeError.

#include <__verbose_abort>

extern "C" {
// Of libc++abi.
[[noreturn]] void abort_message(const char* /*format*/, ...) { __builtin_trap(); }
}

// Of libc++, which lets programs replace it.
[[noreturn]] void std::__libcpp_verbose_abort(const char* /*format*/, ...) { __builtin_trap(); }
