#pragma once

#include <cstdint>

namespace flatview::kernel {

// Memory of this process, and where devices shall see it.
struct DmaMapping {
  uint64_t iova;
  uint64_t size;
  uint64_t host_address;
  bool is_readable;
  bool is_writable;
};

}  // namespace flatview::kernel
