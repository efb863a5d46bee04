#pragma once

#include <cerrno>
#include <string>
#include <utility>

namespace flatview::kernel {

// The kernel's refusal of one call, as a value: what was called, with what, and errno.
struct SystemError {
  // Takes errno, so it is made right after the call that failed.
  static SystemError Last(const char* call, std::string arguments) {
    return {call, std::move(arguments), errno};
  }

  // Name of the system call, or of the ioctl's request.
  const char* call;
  // The arguments that matter, for people.
  std::string arguments;
  // The value of errno.
  int number;
};

}  // namespace flatview::kernel
