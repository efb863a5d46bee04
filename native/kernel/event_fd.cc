#include "kernel/event_fd.h"

#include <sys/eventfd.h>

namespace flatview::kernel {

Answer CreateEventFd() {
  constexpr int kFlags = EFD_CLOEXEC | EFD_NONBLOCK;
  const int fd = eventfd(0, kFlags);
  if (fd >= 0) return fd;
  return SystemError::Last("eventfd2", ToString({{"count", 0}, {"flags", kFlags}}));
}

}  // namespace flatview::kernel
