#pragma once

#include <sys/ioctl.h>

#include <cstdint>

#include "kernel/ioctl.h"

// What this package uses of the kernel's interface to iommufd (Linux: include/uapi/linux/iommufd.h,
// Documentation/userspace-api/iommufd.rst; since Linux 6.2). `size` is that of the structure.
namespace flatview::kernel::iommufd {

// IOMMU_DESTROY
struct Destroy {
  uint32_t size;
  uint32_t id;
};
static_assert(sizeof(Destroy) == 8);

// IOMMU_IOAS_ALLOC
struct IoasAlloc {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;  // out
};
static_assert(sizeof(IoasAlloc) == 12);

struct IovaRange {
  uint64_t first;
  uint64_t last;
};
static_assert(sizeof(IovaRange) == 16);

// IOMMU_IOAS_IOVA_RANGES
struct IoasIovaRanges {
  uint32_t size;
  uint32_t ioas_id;
  uint32_t count;  // in: room for so many; out: there are so many
  uint32_t reserved;
  IovaRange* ranges;
  uint64_t alignment;  // out
};
static_assert(sizeof(IoasIovaRanges) == 32);

// IOMMU_IOAS_MAP
struct IoasMap {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  uint32_t reserved;
  uint64_t host_address;
  uint64_t length;
  uint64_t iova;
};
static_assert(sizeof(IoasMap) == 40);

namespace map_flag {
constexpr uint32_t kFixedIova = 1 << 0;
constexpr uint32_t kWriteable = 1 << 1;
constexpr uint32_t kReadable = 1 << 2;
}  // namespace map_flag

// IOMMU_IOAS_UNMAP
struct IoasUnmap {
  uint32_t size;
  uint32_t ioas_id;
  uint64_t iova;
  uint64_t length;  // in and out
};
static_assert(sizeof(IoasUnmap) == 24);

constexpr unsigned kType = ';';

constexpr Request kDestroy = {"IOMMU_DESTROY", _IO(kType, 0x80)};
constexpr Request kIoasAlloc = {"IOMMU_IOAS_ALLOC", _IO(kType, 0x81)};
constexpr Request kIoasIovaRanges = {"IOMMU_IOAS_IOVA_RANGES", _IO(kType, 0x84)};
constexpr Request kIoasMap = {"IOMMU_IOAS_MAP", _IO(kType, 0x85)};
constexpr Request kIoasUnmap = {"IOMMU_IOAS_UNMAP", _IO(kType, 0x86)};

}  // namespace flatview::kernel::iommufd
