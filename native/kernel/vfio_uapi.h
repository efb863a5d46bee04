#pragma once

#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>

#include "kernel/ioctl.h"

// What this package uses of the kernel's interface to VFIO (Linux: include/uapi/linux/vfio.h,
// Documentation/driver-api/vfio.rst). Our own, because the headers of a distribution are as old as
// it is. The layouts are for ever, as is every interface of Linux.
//
// `argsz` says how many bytes the caller has. Where the kernel has more to say it changes `argsz`
// to what it needs, and leaves out the capabilities.
namespace flatview::kernel::vfio {

// VFIO_GROUP_GET_STATUS
struct GroupStatus {
  uint32_t argsz;
  uint32_t flags;
};
static_assert(sizeof(GroupStatus) == 8);

namespace group_flag {
constexpr uint32_t kViable = 1 << 0;
constexpr uint32_t kContainerSet = 1 << 1;
}  // namespace group_flag

// VFIO_DEVICE_GET_INFO, as all kernels have it.
struct DeviceInfo {
  uint32_t argsz;
  uint32_t flags;
  uint32_t region_count;
  uint32_t irq_count;
};
static_assert(sizeof(DeviceInfo) == 16);

// VFIO_DEVICE_GET_REGION_INFO
struct RegionInfo {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t capability_offset;
  uint64_t size;
  uint64_t offset;  // in the device's file
};
static_assert(sizeof(RegionInfo) == 32);

namespace region_flag {
constexpr uint32_t kRead = 1 << 0;
constexpr uint32_t kWrite = 1 << 1;
constexpr uint32_t kMmap = 1 << 2;
constexpr uint32_t kCapabilities = 1 << 3;
}  // namespace region_flag

// Begins each capability that follows an answer.
struct CapabilityHeader {
  uint16_t id;
  uint16_t version;
  uint32_t next;  // from the start of the answer; 0 ends the chain
};
static_assert(sizeof(CapabilityHeader) == 8);

namespace region_capability {
constexpr uint16_t kSparseMmap = 1;
constexpr uint16_t kType = 2;
constexpr uint16_t kMsixMappable = 3;
}  // namespace region_capability

// Followed by `count` SparseMmapAreas.
struct SparseMmapCapability {
  CapabilityHeader header;
  uint32_t count;
  uint32_t reserved;
};
static_assert(sizeof(SparseMmapCapability) == 16);

struct SparseMmapArea {
  uint64_t offset;
  uint64_t size;
};
static_assert(sizeof(SparseMmapArea) == 16);

struct TypeCapability {
  CapabilityHeader header;
  uint32_t type;
  uint32_t subtype;
};
static_assert(sizeof(TypeCapability) == 16);

// VFIO_DEVICE_GET_IRQ_INFO
struct IrqInfo {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t count;
};
static_assert(sizeof(IrqInfo) == 16);

// VFIO_DEVICE_SET_IRQS; data may follow.
struct IrqSet {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t start;
  uint32_t count;
};
static_assert(sizeof(IrqSet) == 20);

namespace irq_set_flag {
constexpr uint32_t kDataNone = 1 << 0;
constexpr uint32_t kDataEventFd = 1 << 2;
constexpr uint32_t kActionMask = 1 << 3;
constexpr uint32_t kActionUnmask = 1 << 4;
constexpr uint32_t kActionTrigger = 1 << 5;
}  // namespace irq_set_flag

// VFIO_IOMMU_GET_INFO of type1, as all kernels have it.
struct IommuInfo {
  uint32_t argsz;
  uint32_t flags;
  uint64_t page_sizes;
};
static_assert(sizeof(IommuInfo) == 16);

// The same with capabilities (since Linux 5.4).
struct IommuInfoWithCapabilities {
  IommuInfo info;
  uint32_t capability_offset;
  uint32_t reserved;
};
static_assert(sizeof(IommuInfoWithCapabilities) == 24);

namespace iommu_flag {
constexpr uint32_t kPageSizes = 1 << 0;
constexpr uint32_t kCapabilities = 1 << 1;
}  // namespace iommu_flag

namespace iommu_capability {
constexpr uint16_t kIovaRange = 1;
constexpr uint16_t kMigration = 2;
constexpr uint16_t kDmaAvailable = 3;
}  // namespace iommu_capability

// Followed by `count` IovaRanges.
struct IovaRangeCapability {
  CapabilityHeader header;
  uint32_t count;
  uint32_t reserved;
};
static_assert(sizeof(IovaRangeCapability) == 16);

struct IovaRange {
  uint64_t first;
  uint64_t last;
};
static_assert(sizeof(IovaRange) == 16);

struct MigrationCapability {
  CapabilityHeader header;
  uint32_t flags;
  uint32_t padding;
  uint64_t page_sizes;
  uint64_t largest_bitmap_bytes;
};
static_assert(sizeof(MigrationCapability) == 32);

struct DmaAvailableCapability {
  CapabilityHeader header;
  uint32_t available;
};
static_assert(sizeof(DmaAvailableCapability) == 12);

// VFIO_IOMMU_MAP_DMA
struct DmaMap {
  uint32_t argsz;
  uint32_t flags;
  uint64_t host_address;
  uint64_t iova;
  uint64_t size;
};
static_assert(sizeof(DmaMap) == 32);

namespace dma_map_flag {
constexpr uint32_t kRead = 1 << 0;
constexpr uint32_t kWrite = 1 << 1;
}  // namespace dma_map_flag

struct Bitmap {
  uint64_t page_size;
  uint64_t bytes;
  void* data;
};
static_assert(sizeof(Bitmap) == 24);

// VFIO_IOMMU_UNMAP_DMA
struct DmaUnmap {
  uint32_t argsz;
  uint32_t flags;
  uint64_t iova;
  uint64_t size;
};
static_assert(sizeof(DmaUnmap) == 24);

struct DmaUnmapWithBitmap {
  DmaUnmap unmap;
  Bitmap bitmap;
};
static_assert(sizeof(DmaUnmapWithBitmap) == 48);

namespace dma_unmap_flag {
constexpr uint32_t kGetDirtyBitmap = 1 << 0;
constexpr uint32_t kAll = 1 << 1;
}  // namespace dma_unmap_flag

// VFIO_IOMMU_DIRTY_PAGES; a DirtyBitmapRange follows a request for a bitmap.
struct DirtyPages {
  uint32_t argsz;
  uint32_t flags;
};
static_assert(sizeof(DirtyPages) == 8);

struct DirtyPagesOfRange {
  DirtyPages dirty;
  uint64_t iova;
  uint64_t size;
  Bitmap bitmap;
};
static_assert(sizeof(DirtyPagesOfRange) == 48);

namespace dirty_pages_flag {
constexpr uint32_t kStart = 1 << 0;
constexpr uint32_t kStop = 1 << 1;
constexpr uint32_t kGetBitmap = 1 << 2;
}  // namespace dirty_pages_flag

// VFIO_DEVICE_BIND_IOMMUFD
struct BindIommufd {
  uint32_t argsz;
  uint32_t flags;
  int32_t iommufd;
  uint32_t device_id;  // out
};
static_assert(sizeof(BindIommufd) == 16);

// VFIO_DEVICE_ATTACH_IOMMUFD_PT
struct AttachIommufdPt {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pt_id;  // in: an IOAS; out: the page table that was chosen
};
static_assert(sizeof(AttachIommufdPt) == 12);

// VFIO_DEVICE_DETACH_IOMMUFD_PT
struct DetachIommufdPt {
  uint32_t argsz;
  uint32_t flags;
};
static_assert(sizeof(DetachIommufdPt) == 8);

constexpr unsigned kType = ';';
constexpr unsigned kBase = 100;

// Of a container.
constexpr Request kGetApiVersion = {"VFIO_GET_API_VERSION", _IO(kType, kBase + 0)};
constexpr Request kCheckExtension = {"VFIO_CHECK_EXTENSION", _IO(kType, kBase + 1)};
constexpr Request kSetIommu = {"VFIO_SET_IOMMU", _IO(kType, kBase + 2)};
constexpr Request kIommuGetInfo = {"VFIO_IOMMU_GET_INFO", _IO(kType, kBase + 12)};
constexpr Request kIommuMapDma = {"VFIO_IOMMU_MAP_DMA", _IO(kType, kBase + 13)};
constexpr Request kIommuUnmapDma = {"VFIO_IOMMU_UNMAP_DMA", _IO(kType, kBase + 14)};
constexpr Request kIommuDirtyPages = {"VFIO_IOMMU_DIRTY_PAGES", _IO(kType, kBase + 17)};
// Of a group.
constexpr Request kGroupGetStatus = {"VFIO_GROUP_GET_STATUS", _IO(kType, kBase + 3)};
constexpr Request kGroupSetContainer = {"VFIO_GROUP_SET_CONTAINER", _IO(kType, kBase + 4)};
constexpr Request kGroupUnsetContainer = {"VFIO_GROUP_UNSET_CONTAINER", _IO(kType, kBase + 5)};
constexpr Request kGroupGetDeviceFd = {"VFIO_GROUP_GET_DEVICE_FD", _IO(kType, kBase + 6)};
// Of a device.
constexpr Request kDeviceGetInfo = {"VFIO_DEVICE_GET_INFO", _IO(kType, kBase + 7)};
constexpr Request kDeviceGetRegionInfo = {"VFIO_DEVICE_GET_REGION_INFO", _IO(kType, kBase + 8)};
constexpr Request kDeviceGetIrqInfo = {"VFIO_DEVICE_GET_IRQ_INFO", _IO(kType, kBase + 9)};
constexpr Request kDeviceSetIrqs = {"VFIO_DEVICE_SET_IRQS", _IO(kType, kBase + 10)};
constexpr Request kDeviceReset = {"VFIO_DEVICE_RESET", _IO(kType, kBase + 11)};
constexpr Request kDeviceBindIommufd = {"VFIO_DEVICE_BIND_IOMMUFD", _IO(kType, kBase + 18)};
constexpr Request kDeviceAttachIommufdPt = {"VFIO_DEVICE_ATTACH_IOMMUFD_PT",
                                            _IO(kType, kBase + 19)};
constexpr Request kDeviceDetachIommufdPt = {"VFIO_DEVICE_DETACH_IOMMUFD_PT",
                                            _IO(kType, kBase + 20)};

}  // namespace flatview::kernel::vfio
