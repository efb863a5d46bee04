#include "engine/region_table.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

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
  void Undo() {
    table_.Undo();
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
  EXPECT_EQ(*table_.Find(70'000), Leaf(8));
  EXPECT_EQ(table_.Find(69'999), nullptr);
  Remove(70'000);
  EXPECT_EQ(table_.Find(70'000), nullptr);
}

TEST_F(RegionTableTest, TakesRecordsInAnyOrder) {
  Put(5, In(4, 0, Leaf(8)));
  Put(3, Alias(5, 0, 8));
  Put(4, WholeSpace());
  EXPECT_TRUE(table_.CheckLinks().ok());
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
  Undo();
  Put(0, WholeSpace());
  Put(1, Leaf(8));
  Put(2, Alias(7, 0, 8));
  EXPECT_EQ(Refused(), 2u);
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
  Undo();
  EXPECT_TRUE(table_.CheckLinks().ok());
}

TEST_F(RegionTableTest, RefusesToRemoveWhatIsInUse) {
  Put(0, WholeSpace());
  Put(1, In(0, 0, Leaf(8)));
  Put(2, Alias(1, 0, 8));
  Keep();
  Remove(0);
  EXPECT_EQ(Refused(), 0u);
  Undo();
  Remove(1);
  EXPECT_EQ(Refused(), 0u);
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
  ASSERT_TRUE(table_.Put(0, Leaf(8), true, 0));
  ASSERT_TRUE(table_.Put(1, Leaf(8), false, 1));
  EXPECT_TRUE(table_.IsTouched(0));
  EXPECT_FALSE(table_.IsTouched(1));
  EXPECT_FALSE(table_.IsTouched(7));
  Keep();
  EXPECT_FALSE(table_.IsTouched(0));
}

using Contents = std::vector<std::pair<RegionId, Region>>;

Contents Read(const RegionTable& table) {
  Contents contents;
  table.ForEach(
      [&contents](RegionId id, const Region& region) { contents.emplace_back(id, region); });
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
    const Contents before = Read(table_);
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
      Undo();
      ++undone;
      ASSERT_EQ(Read(table_), before) << "round " << round;
      ASSERT_TRUE(table_.CheckLinks().ok());
    }
  }
  EXPECT_GT(kept, 100);
  EXPECT_GT(undone, 100);
}

}  // namespace
}  // namespace flatview::engine
