#include "kernel/vfio_uapi.h"

#include <gtest/gtest.h>
#include <linux/vfio.h>

#if __has_include(<linux/iommufd.h>)
#include <linux/iommufd.h>
#endif

#include "kernel/iommufd_uapi.h"

// Our structures and requests against the kernel's own header, as far as this machine's has them.
namespace flatview::kernel::vfio {
namespace {

template <typename Ours, typename Kernels>
void ExpectSameSize() {
  EXPECT_EQ(sizeof(Ours), sizeof(Kernels));
}

TEST(VfioUapi, HasTheKernelsRequests) {
  EXPECT_EQ(kGetApiVersion.number, VFIO_GET_API_VERSION);
  EXPECT_EQ(kCheckExtension.number, VFIO_CHECK_EXTENSION);
  EXPECT_EQ(kSetIommu.number, VFIO_SET_IOMMU);
  EXPECT_EQ(kIommuGetInfo.number, VFIO_IOMMU_GET_INFO);
  EXPECT_EQ(kIommuMapDma.number, VFIO_IOMMU_MAP_DMA);
  EXPECT_EQ(kIommuUnmapDma.number, VFIO_IOMMU_UNMAP_DMA);
  EXPECT_EQ(kIommuDirtyPages.number, VFIO_IOMMU_DIRTY_PAGES);
  EXPECT_EQ(kGroupGetStatus.number, VFIO_GROUP_GET_STATUS);
  EXPECT_EQ(kGroupSetContainer.number, VFIO_GROUP_SET_CONTAINER);
  EXPECT_EQ(kGroupUnsetContainer.number, VFIO_GROUP_UNSET_CONTAINER);
  EXPECT_EQ(kGroupGetDeviceFd.number, VFIO_GROUP_GET_DEVICE_FD);
  EXPECT_EQ(kDeviceGetInfo.number, VFIO_DEVICE_GET_INFO);
  EXPECT_EQ(kDeviceGetRegionInfo.number, VFIO_DEVICE_GET_REGION_INFO);
  EXPECT_EQ(kDeviceGetIrqInfo.number, VFIO_DEVICE_GET_IRQ_INFO);
  EXPECT_EQ(kDeviceSetIrqs.number, VFIO_DEVICE_SET_IRQS);
  EXPECT_EQ(kDeviceReset.number, VFIO_DEVICE_RESET);
#ifdef VFIO_DEVICE_BIND_IOMMUFD
  EXPECT_EQ(kDeviceBindIommufd.number, VFIO_DEVICE_BIND_IOMMUFD);
  EXPECT_EQ(kDeviceAttachIommufdPt.number, VFIO_DEVICE_ATTACH_IOMMUFD_PT);
  EXPECT_EQ(kDeviceDetachIommufdPt.number, VFIO_DEVICE_DETACH_IOMMUFD_PT);
#endif
}

TEST(VfioUapi, HasTheKernelsLayouts) {
  ExpectSameSize<GroupStatus, vfio_group_status>();
  ExpectSameSize<RegionInfo, vfio_region_info>();
  ExpectSameSize<IrqInfo, vfio_irq_info>();
  ExpectSameSize<IrqSet, vfio_irq_set>();
  ExpectSameSize<CapabilityHeader, vfio_info_cap_header>();
  ExpectSameSize<DmaMap, vfio_iommu_type1_dma_map>();
  ExpectSameSize<DmaUnmap, vfio_iommu_type1_dma_unmap>();
  ExpectSameSize<Bitmap, vfio_bitmap>();
  ExpectSameSize<DirtyPages, vfio_iommu_type1_dirty_bitmap>();
  ExpectSameSize<MigrationCapability, vfio_iommu_type1_info_cap_migration>();
  ExpectSameSize<DmaAvailableCapability, vfio_iommu_type1_info_dma_avail>();
  ExpectSameSize<TypeCapability, vfio_region_info_cap_type>();
  EXPECT_EQ(offsetof(RegionInfo, capability_offset), offsetof(vfio_region_info, cap_offset));
  EXPECT_EQ(offsetof(RegionInfo, offset), offsetof(vfio_region_info, offset));
  EXPECT_EQ(offsetof(DeviceInfo, irq_count), offsetof(vfio_device_info, num_irqs));
  EXPECT_EQ(offsetof(IommuInfo, page_sizes), offsetof(vfio_iommu_type1_info, iova_pgsizes));
  EXPECT_EQ(offsetof(IommuInfoWithCapabilities, capability_offset),
            offsetof(vfio_iommu_type1_info, cap_offset));
  EXPECT_EQ(sizeof(SparseMmapCapability), offsetof(vfio_region_info_cap_sparse_mmap, areas));
  EXPECT_EQ(sizeof(IovaRangeCapability),
            offsetof(vfio_iommu_type1_info_cap_iova_range, iova_ranges));
  EXPECT_EQ(offsetof(DmaMap, host_address), offsetof(vfio_iommu_type1_dma_map, vaddr));
  EXPECT_EQ(offsetof(DmaUnmapWithBitmap, bitmap), offsetof(vfio_iommu_type1_dma_unmap, data));
  EXPECT_EQ(sizeof(DirtyPagesOfRange) - sizeof(DirtyPages),
            sizeof(vfio_iommu_type1_dirty_bitmap_get));
  EXPECT_EQ(offsetof(MigrationCapability, page_sizes),
            offsetof(vfio_iommu_type1_info_cap_migration, pgsize_bitmap));
}

#if __has_include(<linux/iommufd.h>)
TEST(IommufdUapi, IsTheKernels) {
  EXPECT_EQ(iommufd::kDestroy.number, IOMMU_DESTROY);
  EXPECT_EQ(iommufd::kIoasAlloc.number, IOMMU_IOAS_ALLOC);
  EXPECT_EQ(iommufd::kIoasIovaRanges.number, IOMMU_IOAS_IOVA_RANGES);
  EXPECT_EQ(iommufd::kIoasMap.number, IOMMU_IOAS_MAP);
  EXPECT_EQ(iommufd::kIoasUnmap.number, IOMMU_IOAS_UNMAP);
  ExpectSameSize<iommufd::IoasMap, iommu_ioas_map>();
  ExpectSameSize<iommufd::IoasUnmap, iommu_ioas_unmap>();
  ExpectSameSize<iommufd::IoasIovaRanges, iommu_ioas_iova_ranges>();
}
#endif

}  // namespace
}  // namespace flatview::kernel::vfio
