#include "kernel/vfio_info.h"

namespace flatview::kernel::vfio {
namespace {

// What follows the header of a list, `Header`, which counts its items.
template <typename Header, typename Item>
std::optional<std::vector<Item>> ReadList(Bytes capability) {
  const auto header = ReadAt<Header>(capability, 0);
  if (!header) return std::nullopt;
  return ReadArray<Item>(capability, sizeof(Header), header->count);
}

}  // namespace

std::optional<Iommu> Iommu::Read(Bytes answer) {
  const auto info = ReadAt<IommuInfo>(answer, 0);
  if (!info) return std::nullopt;
  Iommu iommu;
  if ((info->flags & iommu_flag::kPageSizes) != 0) iommu.page_sizes = info->page_sizes;
  if ((info->flags & iommu_flag::kCapabilities) == 0) return iommu;

  const auto more = ReadAt<IommuInfoWithCapabilities>(answer, 0);
  if (!more) return std::nullopt;
  const auto chain = CapabilityChain::Read(answer, more->capability_offset);
  if (!chain) return std::nullopt;
  if (const Bytes found = chain->Find(iommu_capability::kIovaRange); !found.empty()) {
    iommu.iova_ranges = ReadList<IovaRangeCapability, IovaRange>(found);
    if (!iommu.iova_ranges) return std::nullopt;
  }
  if (const Bytes found = chain->Find(iommu_capability::kDmaAvailable); !found.empty()) {
    const auto capability = ReadAt<DmaAvailableCapability>(found, 0);
    if (!capability) return std::nullopt;
    iommu.mappings_left = capability->available;
  }
  if (const Bytes found = chain->Find(iommu_capability::kMigration); !found.empty()) {
    const auto capability = ReadAt<MigrationCapability>(found, 0);
    if (!capability) return std::nullopt;
    iommu.dirty_tracking = {capability->page_sizes, capability->largest_bitmap_bytes};
  }
  return iommu;
}

std::optional<Region> Region::Read(Bytes answer) {
  const auto info = ReadAt<RegionInfo>(answer, 0);
  if (!info) return std::nullopt;
  Region region = {.can_read = (info->flags & region_flag::kRead) != 0,
                   .can_write = (info->flags & region_flag::kWrite) != 0,
                   .can_map = (info->flags & region_flag::kMmap) != 0,
                   .size = info->size,
                   .offset = info->offset};
  if ((info->flags & region_flag::kCapabilities) == 0) return region;

  const auto chain = CapabilityChain::Read(answer, info->capability_offset);
  if (!chain) return std::nullopt;
  if (const Bytes found = chain->Find(region_capability::kSparseMmap); !found.empty()) {
    region.sparse_areas = ReadList<SparseMmapCapability, SparseMmapArea>(found);
    if (!region.sparse_areas) return std::nullopt;
  }
  if (const Bytes found = chain->Find(region_capability::kType); !found.empty()) {
    const auto capability = ReadAt<TypeCapability>(found, 0);
    if (!capability) return std::nullopt;
    region.type = {capability->type, capability->subtype};
  }
  region.is_msix_mappable = !chain->Find(region_capability::kMsixMappable).empty();
  return region;
}

}  // namespace flatview::kernel::vfio
