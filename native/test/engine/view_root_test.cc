#include "engine/view_root.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "engine/render.h"
#include "test/engine/print.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

class ViewRootTest : public testing::Test {
 public:
  // Resolves region 0 of a table of regions 0, 1, 2, ...
  RegionId Resolve(std::initializer_list<Region> regions) {
    table_ = RegionTable();
    RegionId id = 0;
    for (const Region& region : regions) EXPECT_TRUE(table_.Put(id++, region, false, 0));
    EXPECT_TRUE(table_.CheckLinks().ok());
    const RegionId root = ResolveViewRoot(table_, ListedSubregions(table_), 0);
    EXPECT_EQ(Render(0), root != kNoRegion ? Render(root) : std::vector<FlatRange>{});
    return root;
  }

 private:
  std::vector<FlatRange> Render(RegionId root) {
    std::vector<FlatRange> view;
    RenderBudget budget;
    ListedSubregions subregions(table_);
    ScratchRenderer renderer(table_, subregions);
    EXPECT_TRUE(renderer.Render(root, kAllAddresses, budget, view).ok());
    return view;
  }

  RegionTable table_;
};

Region At(uint64_t address, Region region) {
  region.address = address;
  return region;
}

TEST_F(ViewRootTest, OfNothingIsNothing) {
  EXPECT_EQ(ResolveViewRoot({}, {}, kNoRegion), kNoRegion);
}

TEST_F(ViewRootTest, IsTheRootWhereItAnswersItself) {
  EXPECT_EQ(Resolve({Leaf(0x100)}), 0u);
  EXPECT_EQ(Resolve({Leaf(0x100), In(0, 0, Leaf(0x100))}), 0u);
}

TEST_F(ViewRootTest, IsNothingWhereNothingIsEnabled) {
  EXPECT_EQ(Resolve({Disabled(Leaf(0x100))}), kNoRegion);
  EXPECT_EQ(Resolve({WholeSpace()}), kNoRegion);
  EXPECT_EQ(Resolve({WholeSpace(), In(0, 0, Disabled(Leaf(0x100)))}), kNoRegion);
  EXPECT_EQ(Resolve({At(0x100, Container(0x100)), In(0, 0, Disabled(Leaf(0x100)))}), kNoRegion);
}

TEST_F(ViewRootTest, SkipsAContainerOfOneEnabledChild) {
  EXPECT_EQ(Resolve({WholeSpace(), In(0, 0, Leaf(0x100))}), 1u);
  EXPECT_EQ(Resolve({WholeSpace(), In(0, 0, Disabled(Leaf(0x100))), In(0, 0, Leaf(0x100))}), 2u);
  EXPECT_EQ(Resolve({Container(0x100), In(0, 0, Leaf(0x100))}), 1u);
}

TEST_F(ViewRootTest, StopsAtAContainerThatShowsTheChildOtherwise) {
  EXPECT_EQ(Resolve({WholeSpace(), In(0, 0, Leaf(0x10)), In(0, 0x10, Leaf(0x10))}), 0u);
  EXPECT_EQ(Resolve({WholeSpace(), In(0, 1, Leaf(0x100))}), 0u);
  EXPECT_EQ(Resolve({Container(0xff), In(0, 0, Leaf(0x100))}), 0u);
  EXPECT_EQ(Resolve({Container(0xff), In(0, 0, With(region_flag::kTerminates, WholeSpace()))}), 0u);
}

TEST_F(ViewRootTest, SkipsAnAliasOfAWholeTarget) {
  EXPECT_EQ(Resolve({Alias(1, 0, 0x100), Leaf(0x100)}), 1u);
  EXPECT_EQ(Resolve({Alias(1, 0, 0x1000), Leaf(0x100)}), 1u);
  EXPECT_EQ(Resolve({WholeSpace(), In(0, 0, Alias(2, 0, 0x100)), Leaf(0x100)}), 2u);
  EXPECT_EQ(Resolve({Alias(1, 0, 0x100), Disabled(Leaf(0x100))}), kNoRegion);
}

TEST_F(ViewRootTest, StopsAtAnAliasThatShowsTheTargetOtherwise) {
  EXPECT_EQ(Resolve({Alias(1, 1, 0x100), Leaf(0x100)}), 0u);
  EXPECT_EQ(Resolve({Alias(1, 0, 0xff), Leaf(0x100)}), 0u);
}

// Where QEMU goes on, and its views lose an attribute or shift.
TEST_F(ViewRootTest, SkipsOnlyWhatCannotChangeTheRanges) {
  for (const uint32_t flag :
       {region_flag::kReadonly, region_flag::kNonvolatile, region_flag::kUnmergeable}) {
    EXPECT_EQ(Resolve({With(flag, WholeSpace()), In(0, 0, Leaf(0x100))}), 0u);
    EXPECT_EQ(Resolve({With(flag, Alias(1, 0, 0x100)), Leaf(0x100)}), 0u);
  }
  EXPECT_EQ(Resolve({At(0x10, WholeSpace()), In(0, 0, Leaf(0x100))}), 0u);
  EXPECT_EQ(Resolve({At(0x10, Alias(1, 0, 0x100)), Leaf(0x100)}), 0u);
  EXPECT_EQ(Resolve({Alias(1, 0, 0x100), In(2, 0x10, Leaf(0x100)), WholeSpace()}), 0u);
}

TEST_F(ViewRootTest, EndsWithAliasesOfEachOther) {
  RegionTable table;
  ASSERT_TRUE(table.Put(0, Alias(1, 0, 0x1000), false, 0));
  ASSERT_TRUE(table.Put(1, Alias(0, 0, 0x1000), false, 1));
  EXPECT_LT(ResolveViewRoot(table, ListedSubregions(table), 0), 2u);
}

}  // namespace
}  // namespace flatview::engine
