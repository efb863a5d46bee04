#pragma once

#include "kernel/ioctl.h"

namespace flatview::kernel {

// A counter that the kernel adds to when something happens, and that never blocks. The descriptor
// is the caller's.
[[nodiscard]] Answer CreateEventFd();

}  // namespace flatview::kernel
