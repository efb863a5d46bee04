#include "kernel/vfio_info.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace flatview::kernel::vfio {
namespace {

// Structures one after the other, in memory of exactly their size.
class Answer {
 public:
  template <typename... Parts>
  explicit Answer(const Parts&... parts)
      : bytes_(std::make_unique<std::byte[]>((sizeof(Parts) + ...))), size_((sizeof(Parts) + ...)) {
    size_t at = 0;
    ((std::memcpy(bytes_.get() + at, &parts, sizeof(parts)), at += sizeof(parts)), ...);
  }

  Bytes bytes() const { return {bytes_.get(), size_}; }
  Bytes WithoutLast(size_t count) const { return bytes().first(size_ - count); }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  size_t size_;
};

// Bytes that are copied whole even from a buffer that is cut: so each prefix gets its own.
template <typename Info>
bool ReadsPrefix(Bytes answer, size_t size) {
  const auto prefix = std::make_unique<std::byte[]>(size);
  if (size > 0) std::memcpy(prefix.get(), answer.data(), size);
  return Info::Read({prefix.get(), size}).has_value();
}

RegionInfo MakeRegion(uint32_t flags, uint32_t capability_offset) {
  return {.argsz = 0,
          .flags = flags,
          .index = 2,
          .capability_offset = capability_offset,
          .size = 0x4000,
          .offset = uint64_t{2} << 40};
}

IommuInfoWithCapabilities MakeIommu(uint32_t flags, uint32_t capability_offset) {
  return {.info = {.argsz = 0, .flags = flags, .page_sizes = 0x40201000},
          .capability_offset = capability_offset,
          .reserved = 0};
}

CapabilityHeader Header(uint16_t id, uint32_t next) {
  return {.id = id, .version = 1, .next = next};
}

TEST(RegionInfo, OfAPlainRegion) {
  const Answer answer(MakeRegion(region_flag::kRead | region_flag::kWrite, 0));
  const auto region = Region::Read(answer.bytes());
  ASSERT_TRUE(region.has_value());
  EXPECT_TRUE(region->can_read && region->can_write);
  EXPECT_FALSE(region->can_map || region->is_msix_mappable);
  EXPECT_EQ(region->size, 0x4000u);
  EXPECT_EQ(region->offset, uint64_t{2} << 40);
  EXPECT_FALSE(region->sparse_areas.has_value() || region->type.has_value());
}

TEST(RegionInfo, WithAllCapabilities) {
  const Answer answer(MakeRegion(region_flag::kMmap | region_flag::kCapabilities, 32),
                      SparseMmapCapability{Header(region_capability::kSparseMmap, 80), 2, 0},
                      SparseMmapArea{0x2000, 0x1000}, SparseMmapArea{0, 0},
                      TypeCapability{Header(region_capability::kType, 96), 0x80008086, 1},
                      Header(region_capability::kMsixMappable, 0));
  const auto region = Region::Read(answer.bytes());
  ASSERT_TRUE(region.has_value());
  EXPECT_TRUE(region->can_map && region->is_msix_mappable);
  // As the kernel says them: it may say empty ones, in any order.
  ASSERT_EQ(region->sparse_areas->size(), 2u);
  EXPECT_EQ(region->sparse_areas->at(0).offset, 0x2000u);
  EXPECT_EQ(region->sparse_areas->at(0).size, 0x1000u);
  EXPECT_EQ(region->sparse_areas->at(1).size, 0u);
  EXPECT_EQ(region->type->type, 0x80008086u);
  EXPECT_EQ(region->type->subtype, 1u);
}

TEST(RegionInfo, IgnoresAnOffsetThatNoFlagSpeaksOf) {
  EXPECT_TRUE(Region::Read(Answer(MakeRegion(0, 0xffff'fff0)).bytes()).has_value());
}

TEST(RegionInfo, RefusesMoreAreasThanThereAre) {
  for (const uint32_t count : {2u, 0x1000'0000u, UINT32_MAX}) {
    const Answer answer(MakeRegion(region_flag::kCapabilities, 32),
                        SparseMmapCapability{Header(1, 0), count, 0}, SparseMmapArea{0, 0x1000});
    EXPECT_FALSE(Region::Read(answer.bytes()).has_value()) << count;
  }
}

TEST(RegionInfo, RefusesCapabilitiesThatAreCutOff) {
  const Answer whole(MakeRegion(region_flag::kCapabilities, 32),
                     TypeCapability{Header(region_capability::kType, 48), 1, 2},
                     SparseMmapCapability{Header(region_capability::kSparseMmap, 0), 1, 0},
                     SparseMmapArea{0, 0x1000});
  const size_t size = whole.bytes().size();
  for (size_t length = 0; length < size; ++length) {
    EXPECT_FALSE(ReadsPrefix<Region>(whole.bytes(), length)) << length;
  }
  EXPECT_TRUE(ReadsPrefix<Region>(whole.bytes(), size));
}

TEST(IommuInfo, OfAKernelWithoutCapabilities) {
  const Answer answer(
      IommuInfo{.argsz = 16, .flags = iommu_flag::kPageSizes, .page_sizes = 0x1000});
  const auto iommu = Iommu::Read(answer.bytes());
  ASSERT_TRUE(iommu.has_value());
  EXPECT_EQ(iommu->page_sizes, 0x1000u);
  EXPECT_FALSE(iommu->iova_ranges || iommu->mappings_left || iommu->dirty_tracking);
}

TEST(IommuInfo, SaysNothingOfPageSizesWithoutTheFlag) {
  EXPECT_FALSE(Iommu::Read(Answer(MakeIommu(0, 0)).bytes())->page_sizes.has_value());
}

// What Linux 6.12 says of VT-d, in its order.
TEST(IommuInfo, WithAllCapabilities) {
  const Answer answer(
      MakeIommu(iommu_flag::kPageSizes | iommu_flag::kCapabilities, 24),
      MigrationCapability{Header(iommu_capability::kMigration, 56), 0, 0, 0x1000, 0x10000000},
      DmaAvailableCapability{Header(iommu_capability::kDmaAvailable, 72), 65535}, uint32_t{0},
      IovaRangeCapability{Header(iommu_capability::kIovaRange, 0), 2, 0}, IovaRange{0, 0xfedf'ffff},
      IovaRange{0xfef0'0000, 0x7f'ffff'ffff});
  EXPECT_EQ(answer.bytes().size(), 120u);
  const auto iommu = Iommu::Read(answer.bytes());
  ASSERT_TRUE(iommu.has_value());
  EXPECT_EQ(iommu->page_sizes, 0x40201000u);
  EXPECT_EQ(iommu->mappings_left, 65535u);
  EXPECT_EQ(iommu->dirty_tracking->page_sizes, 0x1000u);
  EXPECT_EQ(iommu->dirty_tracking->largest_bitmap_bytes, 0x10000000u);
  ASSERT_EQ(iommu->iova_ranges->size(), 2u);
  EXPECT_EQ(iommu->iova_ranges->at(1).last, 0x7f'ffff'ffffu);
  for (size_t length = 0; length < answer.bytes().size(); ++length) {
    EXPECT_FALSE(ReadsPrefix<Iommu>(answer.bytes(), length)) << length;
  }
}

TEST(IommuInfo, RefusesLoopsAndWildOffsets) {
  const auto read = [](uint32_t offset, uint32_t next) {
    return Iommu::Read(
        Answer(MakeIommu(iommu_flag::kCapabilities, offset),
               DmaAvailableCapability{Header(iommu_capability::kDmaAvailable, next), 1})
            .bytes());
  };
  EXPECT_TRUE(read(24, 0).has_value());
  EXPECT_FALSE(read(24, 24).has_value());
  EXPECT_FALSE(read(24, 36).has_value());
  EXPECT_FALSE(read(UINT32_MAX, 0).has_value());
}

}  // namespace
}  // namespace flatview::kernel::vfio
