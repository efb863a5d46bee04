#include "kernel/kvm_ioctl.h"

#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <utility>

namespace flatview::kernel::kvm {

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

Answer CreateEventFd() {
  constexpr int kFlags = EFD_CLOEXEC | EFD_NONBLOCK;
  const int fd = eventfd(0, kFlags);
  if (fd >= 0) return fd;
  return SystemError::Last("eventfd2", ToString({{"count", 0}, {"flags", kFlags}}));
}

}  // namespace flatview::kernel::kvm
