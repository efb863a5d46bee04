#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernel/capability_chain.h"
#include "kernel/vfio_uapi.h"

namespace flatview::kernel::vfio {

// What an answer with capabilities says. Reading one gives nothing where the answer contradicts
// itself; nothing is read from beyond it.

// VFIO_IOMMU_GET_INFO. What the kernel doesn't say is not there.
struct Iommu {
  struct DirtyTracking {
    uint64_t page_sizes;
    uint64_t largest_bitmap_bytes;
  };

  static std::optional<Iommu> Read(Bytes answer);

  std::optional<uint64_t> page_sizes;
  std::optional<std::vector<IovaRange>> iova_ranges;
  std::optional<uint32_t> mappings_left;
  std::optional<DirtyTracking> dirty_tracking;
};

// VFIO_DEVICE_GET_REGION_INFO.
struct Region {
  struct Type {
    uint32_t type;
    uint32_t subtype;
  };

  static std::optional<Region> Read(Bytes answer);

  bool can_read;
  bool can_write;
  bool can_map;
  uint64_t size;
  // In the device's file.
  uint64_t offset;
  std::optional<std::vector<SparseMmapArea>> sparse_areas{};
  bool is_msix_mappable = false;
  std::optional<Type> type{};
};

}  // namespace flatview::kernel::vfio
