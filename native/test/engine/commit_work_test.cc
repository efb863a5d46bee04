// How many regions a commit visits, in trees of shapes that invite it to visit all. Guarantee: The
// guest can't hurt.

#include <gtest/gtest.h>

#include <cstdint>

#include "engine/engine.h"
#include "test/engine/batch_writer.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

constexpr RegionId kCount = 2'000;
constexpr RegionId kFirst = 10;  // of kCount regions
constexpr uint64_t kPage = 0x1000;
constexpr uint64_t kEveryOther = 2 * kPage;

// Commits may visit next to nothing, from the first region on.
class CommitWorkTest : public testing::Test {
 public:
  void Commit(const BatchWriter& batch) {
    ASSERT_TRUE(engine_.Commit(batch.bytes()).ok());
    engine_.Publish();
  }

  void Put(RegionId id, const Region& region) { Commit(BatchWriter().Put(id, region)); }

  void SetUp() override { Commit(BatchWriter().Put(0, WholeSpace()).PutSpace(0, 0)); }

  // Puts each of kCount regions in, takes it out and in again, and moves it.
  template <typename Make>
  void PutAndMoveAll(Make make) {
    for (RegionId i = 0; i < kCount; ++i) ASSERT_NO_FATAL_FAILURE(Put(kFirst + i, make(i)));
    for (RegionId i = 0; i < kCount; ++i) {
      Region region = make(i);
      ASSERT_NO_FATAL_FAILURE(Put(kFirst + i, Disabled(region)));
      ASSERT_NO_FATAL_FAILURE(Put(kFirst + i, region));
      region.address += kPage / 4;
      region.sequence += kCount;
      ASSERT_NO_FATAL_FAILURE(Put(kFirst + i, region));
    }
  }

  size_t ViewSize() const { return engine_.View(0)->size(); }

  Engine engine_{{.budget = {.visits = 64, .paints = 64}, .self_check = false}};
};

TEST_F(CommitWorkTest, LeavesSiblingsAlone) {
  PutAndMoveAll([](RegionId i) { return In(0, i * kEveryOther, Leaf(kPage), 0, i); });
  EXPECT_EQ(ViewSize(), kCount);
}

TEST_F(CommitWorkTest, LeavesAlonePagesSideBySide) {
  PutAndMoveAll([](RegionId i) { return In(0, i * kPage, Leaf(kPage), 0, i); });
  EXPECT_EQ(ViewSize(), kCount);
}

TEST_F(CommitWorkTest, DigsNoDeeperIntoAStackThanCanBeSeen) {
  PutAndMoveAll([](RegionId i) { return In(0, 0, Leaf(kPage), static_cast<int32_t>(i % 7), i); });
  EXPECT_LE(ViewSize(), 2u);
}

TEST_F(CommitWorkTest, DoesNotLookUnderWhatCoversAll) {
  Put(1, In(0, 0, Leaf(kCount * kEveryOther), 1));
  PutAndMoveAll([](RegionId i) { return In(0, i * kEveryOther, Leaf(kPage), 0, i); });
  Put(1, In(0, 0, With(region_flag::kReadonly, Leaf(kCount * kEveryOther)), 1));
  EXPECT_EQ(ViewSize(), 1u);
}

TEST_F(CommitWorkTest, DoesNotLookIntoAContainerThatIsCovered) {
  Put(1, In(0, 0, Leaf(kCount * kEveryOther), 1));
  Put(2, In(0, 0, Container(kCount * kEveryOther)));
  PutAndMoveAll([](RegionId i) { return In(2, i * kEveryOther, Leaf(kPage), 0, i); });
  Put(1, In(0, 0, With(region_flag::kReadonly, Leaf(kCount * kEveryOther)), 1));
  EXPECT_EQ(ViewSize(), 1u);
}

TEST(CommitWork, VisitsEachAliasOfWhatChangesOnce) {
  // Where it shows is three regions deep.
  Engine engine{
      {.budget = {.visits = uint64_t{4} * kCount, .paints = kCount}, .self_check = false}};
  BatchWriter tree;
  tree.Put(0, WholeSpace()).Put(1, Container(kPage)).PutSpace(0, 0);
  for (RegionId i = 0; i < kCount; ++i) {
    tree.Put(kFirst + i, In(0, i * kEveryOther, Alias(1, 0, kPage)));
  }
  ASSERT_TRUE(engine.Commit(tree.bytes()).ok());
  engine.Publish();
  ASSERT_TRUE(engine.Commit(BatchWriter().Put(2, In(1, 0x10, Leaf(0x10))).bytes()).ok());
  engine.Publish();
  EXPECT_EQ(engine.View(0)->size(), kCount);
}

}  // namespace
}  // namespace flatview::engine
