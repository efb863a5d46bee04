#include "engine/region_table.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

// The enabled subregions, by address.
std::vector<RegionId> Subregions(const RegionTable& table, RegionId parent) {
  std::vector<RegionId> found;
  table.Find(parent)->subregions.ForEach(
      kAllAddresses, [&found](const RegionNode& node) { found.push_back(node.id); });
  return found;
}

class RegionTableTest : public testing::Test {
 public:
  void Put(RegionId id, const Region& region) {
    ASSERT_TRUE(table_.Put(id, region, false, record_++));
  }
  void Remove(RegionId id) { ASSERT_TRUE(table_.Remove(id, record_++)); }
  void Keep() {
    ASSERT_TRUE(table_.CheckLinks().ok());
    table_.Keep();
    record_ = 0;
  }
  // The record that CheckLinks refuses.
  uint32_t Refused() {
    const Status status = table_.CheckLinks();
    EXPECT_EQ(status.refusal, Refusal::kMalformed);
    return status.subject;
  }

  RegionTable table_;
  uint32_t record_ = 0;
};

TEST_F(RegionTableTest, FindsWhatWasPut) {
  EXPECT_EQ(table_.Find(0), nullptr);
  EXPECT_EQ(table_.Find(kNoRegion), nullptr);
  Put(70'000, Leaf(8));
  ASSERT_NE(table_.Find(70'000), nullptr);
  EXPECT_EQ(table_.Find(70'000)->region, Leaf(8));
  EXPECT_EQ(table_.Find(69'999), nullptr);
  Remove(70'000);
  EXPECT_EQ(table_.Find(70'000), nullptr);
}

TEST_F(RegionTableTest, ListsEnabledSubregionsByAddress) {
  Put(0, WholeSpace());
  Put(1, In(0, 50, Leaf(8)));
  Put(2, In(0, 90, Leaf(8)));
  Put(3, In(0, 10, Leaf(8)));
  Put(4, In(0, 40, Disabled(Leaf(8))));
  EXPECT_EQ(Subregions(table_, 0), (std::vector<RegionId>{3, 1, 2}));
  EXPECT_EQ(table_.Find(0)->subregion_count, 4u);
  Put(2, In(0, 0, Leaf(8)));
  Put(4, In(0, 40, Leaf(8)));
  EXPECT_EQ(Subregions(table_, 0), (std::vector<RegionId>{2, 3, 4, 1}));
  Remove(1);
  Put(4, Leaf(8));
  Put(3, In(0, 10, Disabled(Leaf(8))));
  EXPECT_EQ(Subregions(table_, 0), std::vector<RegionId>{2});
  EXPECT_EQ(table_.Find(0)->subregion_count, 2u);
}

TEST_F(RegionTableTest, TakesRecordsInAnyOrder) {
  Put(5, In(4, 0, Leaf(8)));
  Put(3, Alias(5, 0, 8));
  Put(4, WholeSpace());
  EXPECT_TRUE(table_.CheckLinks().ok());
  EXPECT_EQ(Subregions(table_, 4), std::vector<RegionId>{5});
}

TEST_F(RegionTableTest, LetsTwoRegionsChangePlaces) {
  Put(0, Container(8));
  Put(1, In(0, 0, Container(8)));
  Keep();
  Put(0, In(1, 0, Container(8)));  // for a moment, each is in the other
  Put(1, Container(8));
  EXPECT_TRUE(table_.CheckLinks().ok());
}

TEST_F(RegionTableTest, RefusesUnknownParentsAndTargets) {
  Put(0, WholeSpace());
  Put(1, In(7, 0, Leaf(8)));
  EXPECT_EQ(Refused(), 1u);
  table_.Undo();
  Put(0, WholeSpace());
  Put(1, Leaf(8));
  Put(2, Alias(7, 0, 8));
  EXPECT_EQ(Refused(), 4u);
}

TEST_F(RegionTableTest, RefusesAnAliasOfItself) {
  Put(0, Alias(0, 0, 8));
  EXPECT_EQ(Refused(), 0u);
}

TEST_F(RegionTableTest, RefusesARegionInItself) {
  Put(0, In(0, 0, Container(8)));
  EXPECT_EQ(Refused(), 0u);
}

TEST_F(RegionTableTest, RefusesACycle) {
  Put(0, WholeSpace());
  for (RegionId id = 1; id < 10; ++id) Put(id, In(id - 1, 0, Container(8)));
  Keep();
  Put(8, In(8 - 1, 0, Container(16)));
  Put(3, In(9, 0, Container(8)));
  EXPECT_EQ(Refused(), 1u);
  table_.Undo();
  EXPECT_TRUE(table_.CheckLinks().ok());
}

TEST_F(RegionTableTest, RefusesToRemoveWhatIsInUse) {
  Put(0, WholeSpace());
  Put(1, In(0, 0, Leaf(8)));
  Put(2, Alias(1, 0, 8));
  Keep();
  Remove(0);
  EXPECT_EQ(Refused(), 0u);
  table_.Undo();
  Remove(1);
  EXPECT_EQ(Refused(), 1u);
  Remove(2);
  Keep();
  Remove(0);
  Keep();
  EXPECT_EQ(table_.Find(0), nullptr);
}

TEST_F(RegionTableTest, IgnoresTheRemovalOfNothing) {
  Remove(12);
  Keep();
  Put(12, Leaf(8));
  Keep();
  EXPECT_NE(table_.Find(12), nullptr);
}

TEST_F(RegionTableTest, RefusesIdsOutOfRange) {
  EXPECT_FALSE(table_.Put(RegionTable::kMaxRegions, Leaf(8), false, 0));
  EXPECT_FALSE(table_.Put(kNoRegion, Leaf(8), false, 0));
  EXPECT_FALSE(table_.Put(0, In(RegionTable::kMaxRegions, 0, Leaf(8)), false, 0));
  EXPECT_FALSE(table_.Put(0, Alias(RegionTable::kMaxRegions, 0, 8), false, 0));
  EXPECT_FALSE(table_.Remove(RegionTable::kMaxRegions, 0));
  EXPECT_TRUE(table_.Put(RegionTable::kMaxRegions - 1, Leaf(8), false, 0));
}

TEST_F(RegionTableTest, RefusesAnIdThatTheBatchRemoved) {
  Put(0, Leaf(8));
  Keep();
  Remove(0);
  EXPECT_FALSE(table_.Put(0, Leaf(16), false, 1));
  Keep();
  EXPECT_TRUE(table_.Put(0, Leaf(16), false, 0));
}

TEST_F(RegionTableTest, RemembersWhatTheBatchTouched) {
  EXPECT_FALSE(table_.AnyTouched());
  ASSERT_TRUE(table_.Put(0, Leaf(8), true, 0));
  ASSERT_TRUE(table_.Put(1, Leaf(8), false, 1));
  EXPECT_TRUE(table_.AnyTouched());
  EXPECT_TRUE(table_.IsTouched(0));
  EXPECT_FALSE(table_.IsTouched(1));
  EXPECT_FALSE(table_.IsTouched(7));
  Keep();
  EXPECT_FALSE(table_.AnyTouched());
  EXPECT_FALSE(table_.IsTouched(0));
}

// Every region and list of a table.
struct Contents {
  std::vector<Region> regions;
  std::vector<std::vector<RegionId>> subregions;

  friend bool operator==(const Contents&, const Contents&) = default;
};

Contents Read(const RegionTable& table, RegionId count) {
  Contents contents;
  for (RegionId id = 0; id < count; ++id) {
    const RegionNode* const node = table.Find(id);
    contents.regions.push_back(node != nullptr ? node->region : Region{});
    contents.subregions.push_back(node != nullptr ? Subregions(table, id)
                                                  : std::vector<RegionId>{});
  }
  return contents;
}

// Random batches, of which those that are refused and every other one of the rest are undone. Some
// ids lie on pages of their own.
TEST_F(RegionTableTest, UndoesExactly) {
  constexpr RegionId kCount = 1000;
  std::mt19937 random(2);
  const auto below = [&random](uint32_t bound) { return static_cast<uint32_t>(random() % bound); };
  const auto some_id = [&] { return below(4) == 0 ? below(kCount) : below(12); };
  const auto some_region = [&] {
    Region region = below(4) == 0 ? Alias(some_id(), below(9), 8) : Container(below(9));
    if (below(3) != 0)
      region = In(some_id(), below(9), region, static_cast<int>(below(3)), below(4));
    return region;
  };
  int undone = 0;
  int kept = 0;
  for (int round = 0; round < 5'000; ++round) {
    const Contents before = Read(table_, kCount);
    bool good = true;
    for (uint32_t record = 0; record <= below(4); ++record) {
      good = below(4) == 0 ? table_.Remove(some_id(), record)
                           : table_.Put(some_id(), some_region(), false, record);
      if (!good) break;
    }
    if (good && table_.CheckLinks().ok() && below(2) == 0) {
      table_.Keep();
      ++kept;
    } else {
      table_.Undo();
      ++undone;
      ASSERT_EQ(Read(table_, kCount), before) << "round " << round;
      ASSERT_TRUE(table_.CheckLinks().ok());
    }
  }
  EXPECT_GT(kept, 100);
  EXPECT_GT(undone, 100);
}

}  // namespace
}  // namespace flatview::engine
