#include "kernel/ioctl.h"

#include <sys/ioctl.h>

#include <utility>

namespace flatview::kernel {

Answer Ioctl(const FileDescriptor& fd, const Request& request, uint64_t argument,
             HexList arguments) {
  const int answer = ioctl(fd.get(), request.number, argument);
  if (answer >= 0) return answer;
  return SystemError::Last(request.name, ToString(arguments));
}

Answer Ioctl(const FileDescriptor& fd, const Request& request, void* argument, HexList arguments) {
  return Ioctl(fd, request, reinterpret_cast<uint64_t>(argument), arguments);
}

Failure AsFailure(Answer answer) {
  if (auto* error = std::get_if<SystemError>(&answer)) return std::move(*error);
  return std::nullopt;
}

NewDescriptor AsDescriptor(Answer answer) {
  if (auto* error = std::get_if<SystemError>(&answer)) return std::move(*error);
  return FileDescriptor(*std::get_if<int>(&answer));
}

}  // namespace flatview::kernel
