#include "engine/engine.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "test/engine/batch_writer.h"
#include "test/engine/changes.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

using Groups = std::vector<ChangeGroup>;
constexpr auto kDelete = Change::kDelete;
constexpr auto kAdd = Change::kAdd;
constexpr auto kKeep = Change::kKeep;
constexpr uint32_t kWatched = BatchWriter::kWatched;
constexpr uint32_t kWantsUnchanged = BatchWriter::kWantsUnchanged;

uint32_t Logged(uint32_t mask) { return mask << region_flag::kDirtyLogMaskShift; }

class EngineTest : public testing::Test {
 public:
  // Commits, publishes, and returns what changed.
  Groups Commit(const BatchWriter& batch) {
    EXPECT_TRUE(engine_.Commit(batch.bytes()).ok());
    engine_.Publish();
    return ReadChanges(engine_.changes());
  }

  Groups CommitPending(const BatchWriter& batch) {
    EXPECT_TRUE(engine_.Commit(batch.bytes()).ok());
    EXPECT_TRUE(engine_.pending());
    return ReadChanges(engine_.changes());
  }

  Status Refuse(const BatchWriter& batch) {
    const Status status = engine_.Commit(batch.bytes());
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(engine_.pending());
    return status;
  }

  std::vector<FlatRange> Ranges(AddressSpaceId space) const {
    const auto view = engine_.View(space);
    std::vector<FlatRange> ranges;
    ranges.reserve(view->size());
    for (const FlatRange range : *view) ranges.push_back(range);
    return ranges;
  }

  uint64_t Serial(AddressSpaceId space) const { return engine_.View(space)->serial(); }

  Engine engine_{{.budget = {}, .self_check = true}};
};

// A root, and two leaves in it.
BatchWriter TwoLeaves() {
  return BatchWriter()
      .Put(0, WholeSpace())
      .Put(1, In(0, 0x1000, Leaf(0x100)))
      .Put(2, In(0, 0x2000, Leaf(0x100)));
}

TEST_F(EngineTest, HasNoAddressSpacesAtFirst) { EXPECT_EQ(engine_.View(0), nullptr); }

TEST_F(EngineTest, ReportsANewAddressSpaceAsAdds) {
  EXPECT_EQ(
      Commit(TwoLeaves().PutSpace(7, 0)),
      (Groups{{{7}, {{kAdd, {0x1000, 0x10ff, 0, 1, 0}}, {kAdd, {0x2000, 0x20ff, 0, 2, 0}}}}}));
  EXPECT_EQ(engine_.View(7)->root(), 0u);
  EXPECT_EQ(Ranges(7).size(), 2u);
}

TEST_F(EngineTest, ReportsARemovedAddressSpaceAsDeletes) {
  Commit(TwoLeaves().PutSpace(7, 0));
  EXPECT_EQ(
      Commit(BatchWriter().RemoveSpace(7)),
      (Groups{
          {{7}, {{kDelete, {0x1000, 0x10ff, 0, 1, 0}}, {kDelete, {0x2000, 0x20ff, 0, 2, 0}}}}}));
  EXPECT_EQ(engine_.View(7), nullptr);
}

TEST_F(EngineTest, ReportsDeletesBeforeAdds) {
  Commit(TwoLeaves().PutSpace(0, 0));
  EXPECT_EQ(Commit(BatchWriter().Put(1, In(0, 0x1010, Leaf(0x100))).Put(2, In(0, 0x10, Leaf(4)))),
            (Groups{{{0},
                     {{kDelete, {0x1000, 0x10ff, 0, 1, 0}},
                      {kDelete, {0x2000, 0x20ff, 0, 2, 0}},
                      {kAdd, {0x10, 0x13, 0, 2, 0}},
                      {kAdd, {0x1010, 0x110f, 0, 1, 0}}}}}));
}

TEST_F(EngineTest, ReportsNothingOfWhatStays) {
  Commit(TwoLeaves().PutSpace(0, 0));
  EXPECT_EQ(Commit(BatchWriter()), Groups{});
  EXPECT_EQ(Commit(BatchWriter().Put(1, In(0, 0x1000, Leaf(0x100)))), Groups{});
  EXPECT_EQ(Commit(BatchWriter().Put(3, In(0, 0x3000, Leaf(8)))),
            (Groups{{{0}, {{kAdd, {0x3000, 0x3007, 0, 3, 0}}}}}));
}

TEST_F(EngineTest, ReportsNothingToWhoDoesNotWatch) {
  EXPECT_EQ(Commit(TwoLeaves().PutSpace(0, 0, 0)), Groups{});
  EXPECT_EQ(Ranges(0).size(), 2u);
  // Who begins to watch hears of what changes from then on.
  EXPECT_EQ(Commit(BatchWriter().PutSpace(0, 0, kWatched)), Groups{});
}

TEST_F(EngineTest, ReportsATouchedRegionAsKept) {
  Commit(TwoLeaves().PutSpace(0, 0));
  EXPECT_EQ(Commit(BatchWriter().Put(2, In(0, 0x2000, Leaf(0x100)), BatchWriter::kTouched)),
            (Groups{{{0}, {{kKeep, {0x2000, 0x20ff, 0, 2, 0}}}}}));
  EXPECT_EQ(Commit(BatchWriter()), Groups{});
}

TEST_F(EngineTest, ReportsAChangedDirtyLogMaskAsKept) {
  Commit(TwoLeaves().Put(1, In(0, 0x1000, With(Logged(3), Leaf(0x100)))).PutSpace(0, 0));
  const uint64_t serial = Serial(0);
  EXPECT_EQ(Commit(BatchWriter().Put(1, In(0, 0x1000, With(Logged(6), Leaf(0x100))))),
            (Groups{{{0}, {{kKeep, {0x1000, 0x10ff, 0, 1, 0x600}, 3}}}}));
  EXPECT_NE(Serial(0), serial);
}

TEST_F(EngineTest, ReportsWhatStaysToWhoWantsToKnow) {
  Commit(TwoLeaves().PutSpace(0, 0, kWatched).PutSpace(1, 0, kWatched | kWantsUnchanged));
  const Groups unchanged = {
      {{1}, {{kKeep, {0x1000, 0x10ff, 0, 1, 0}}, {kKeep, {0x2000, 0x20ff, 0, 2, 0}}}}};
  EXPECT_EQ(Commit(BatchWriter()), unchanged);
  EXPECT_EQ(Commit(BatchWriter().Put(3, In(0, 0x1800, Leaf(8)))),
            (Groups{{{0}, {{kAdd, {0x1800, 0x1807, 0, 3, 0}}}},
                    {{1},
                     {{kKeep, {0x1000, 0x10ff, 0, 1, 0}},
                      {kAdd, {0x1800, 0x1807, 0, 3, 0}},
                      {kKeep, {0x2000, 0x20ff, 0, 2, 0}}}}}));
}

TEST_F(EngineTest, ReportsAnotherAttributeAsAnotherRange) {
  Commit(TwoLeaves().PutSpace(0, 0));
  for (const auto& [flag, attribute] :
       {std::pair(region_flag::kReadonly, range_attribute::kReadonly),
        std::pair(region_flag::kNonvolatile, range_attribute::kNonvolatile),
        std::pair(region_flag::kRomd, range_attribute::kRomd),
        std::pair(region_flag::kUnmergeable, range_attribute::kUnmergeable)}) {
    EXPECT_EQ(Commit(BatchWriter().Put(1, In(0, 0x1000, With(flag, Leaf(0x100))))),
              (Groups{{{0},
                       {{kDelete, {0x1000, 0x10ff, 0, 1, 0}},
                        {kAdd, {0x1000, 0x10ff, 0, 1, attribute}}}}}));
    Commit(BatchWriter().Put(1, In(0, 0x1000, Leaf(0x100))));
  }
}

TEST_F(EngineTest, ReportsASharedViewOnce) {
  // 5 and 3 show the same, 9 something else, 4 nothing.
  EXPECT_EQ(
      Commit(TwoLeaves()
                 .Put(10, With(region_flag::kWholeSpace, Alias(0, 0, 0)))
                 .PutSpace(5, 0)
                 .PutSpace(3, 10)
                 .PutSpace(9, 2)
                 .PutSpace(4, kNoRegion)),
      (Groups{{{3, 5}, {{kAdd, {0x1000, 0x10ff, 0, 1, 0}}, {kAdd, {0x2000, 0x20ff, 0, 2, 0}}}},
              {{9}, {{kAdd, {0x2000, 0x20ff, 0, 2, 0}}}}}));
}

// Views are shared, and stay while nothing about them changes.

TEST_F(EngineTest, SharesViewsByViewRoot) {
  Commit(BatchWriter()
             .Put(0, WholeSpace())
             .Put(1, In(0, 0, Leaf(0x100)))
             .Put(2, Alias(0, 0, 0x100))
             .Put(3, WholeSpace())
             .Put(4, In(3, 0, Alias(1, 0, 0x100)))
             .PutSpace(0, 0)
             .PutSpace(1, 1)
             .PutSpace(2, 2)
             .PutSpace(3, 3));
  EXPECT_EQ(engine_.View(0), engine_.View(1));
  EXPECT_EQ(engine_.View(0), engine_.View(3));
  EXPECT_EQ(engine_.View(0)->root(), 1u);
  EXPECT_EQ(engine_.View(2)->root(), 2u);
}

TEST_F(EngineTest, SharesOneEmptyView) {
  Commit(BatchWriter().Put(0, WholeSpace()).PutSpace(0, 0).PutSpace(1, kNoRegion));
  EXPECT_EQ(Serial(0), 0u);
  EXPECT_EQ(engine_.View(0), engine_.View(1));
  EXPECT_EQ(engine_.View(0)->root(), kNoRegion);
}

TEST_F(EngineTest, KeepsAViewThatACommitLeavesAlone) {
  Commit(TwoLeaves().PutSpace(0, 0).PutSpace(1, 1));
  const auto space = engine_.View(0);
  const auto leaf = engine_.View(1);
  Commit(BatchWriter().Put(2, In(0, 0x3000, Leaf(0x100))));
  EXPECT_NE(engine_.View(0), space);
  EXPECT_EQ(engine_.View(1), leaf);
}

TEST_F(EngineTest, FollowsAnAddressSpaceToAnotherRoot) {
  Commit(TwoLeaves().PutSpace(0, 1));
  EXPECT_EQ(
      Commit(BatchWriter().PutSpace(0, 2)),
      (Groups{{{0}, {{kDelete, {0x1000, 0x10ff, 0, 1, 0}}, {kAdd, {0x2000, 0x20ff, 0, 2, 0}}}}}));
  EXPECT_EQ(Commit(BatchWriter().PutSpace(0, kNoRegion)),
            (Groups{{{0}, {{kDelete, {0x2000, 0x20ff, 0, 2, 0}}}}}));
}

TEST_F(EngineTest, LeavesOldViewsValid) {
  auto engine = std::make_unique<Engine>();
  ASSERT_TRUE(engine->Commit(TwoLeaves().PutSpace(0, 0).bytes()).ok());
  engine->Publish();
  const auto view = engine->View(0);
  ASSERT_TRUE(
      engine->Commit(BatchWriter().RemoveSpace(0).Remove(1).Remove(2).Remove(0).bytes()).ok());
  engine->Publish();
  engine.reset();
  EXPECT_EQ(view->Lookup(0x2010), (FlatRange{0x2000, 0x20ff, 0, 2, 0}));
}

// All or nothing.

TEST_F(EngineTest, ShowsOldViewsUntilPublished) {
  Commit(TwoLeaves().PutSpace(0, 0));
  const auto before = engine_.View(0);
  const Groups changes =
      CommitPending(BatchWriter().Put(1, In(0, 0, Leaf(0x10))).PutSpace(1, 0).RemoveSpace(0));
  EXPECT_EQ(changes.size(), 2u);
  EXPECT_EQ(engine_.View(0), before);
  EXPECT_EQ(engine_.View(1)->serial(), 0u);
  engine_.Publish();
  EXPECT_EQ(engine_.View(0), nullptr);
  EXPECT_EQ(Ranges(1), (std::vector<FlatRange>{{0, 0xf, 0, 1, 0}, {0x2000, 0x20ff, 0, 2, 0}}));
}

TEST_F(EngineTest, RollsBackExactly) {
  Commit(TwoLeaves().PutSpace(0, 0).PutSpace(1, 1));
  const auto view = engine_.View(0);
  CommitPending(BatchWriter()
                    .Put(1, In(0, 0, Leaf(0x10)))
                    .Put(3, In(0, 0x2000, Leaf(8), 1))
                    .PutSpace(2, 0)
                    .PutSpace(0, 1, kWatched | kWantsUnchanged)
                    .RemoveSpace(1));
  engine_.Rollback();
  EXPECT_FALSE(engine_.pending());
  EXPECT_EQ(engine_.View(0), view);
  EXPECT_NE(engine_.View(1), nullptr);
  EXPECT_EQ(engine_.View(2), nullptr);
  EXPECT_EQ(Commit(BatchWriter()), Groups{});
  EXPECT_EQ(engine_.View(0), view);
  EXPECT_EQ(Refuse(BatchWriter().Put(4, In(3, 0, Leaf(8)))).refusal, Refusal::kMalformed);
}

TEST_F(EngineTest, RemovesWhatARolledBackCommitCreated) {
  CommitPending(TwoLeaves().PutSpace(0, 0));
  engine_.Rollback();
  EXPECT_EQ(engine_.View(0), nullptr);
  EXPECT_EQ(Commit(TwoLeaves().PutSpace(0, 0)).size(), 1u);
}

TEST_F(EngineTest, ChangesNothingWhenItRefuses) {
  Commit(TwoLeaves().PutSpace(0, 0));
  const auto view = engine_.View(0);
  const BatchWriter batches[] = {
      // Good records before a bad one.
      BatchWriter().Put(1, In(0, 0, Leaf(8))).PutSpace(1, 0).Write(0, 9u),
      // Bad links.
      BatchWriter().Put(1, In(0, 0, Leaf(8))).Put(3, In(99, 0, Leaf(8))),
      BatchWriter().Put(0, In(1, 0, WholeSpace())), BatchWriter().Remove(1).Remove(2).Remove(0),
      // An address space of no region.
      BatchWriter().Remove(1).PutSpace(1, 1),
      // Endless recursion.
      BatchWriter().Put(1, In(0, 0, Leaf(8))).Put(3, In(0, 0, Alias(0, 0, 8)))};
  for (const BatchWriter& batch : batches) {
    EXPECT_FALSE(Refuse(batch).ok());
    EXPECT_TRUE(engine_.changes().empty());
    EXPECT_EQ(engine_.View(0), view);
    EXPECT_EQ(engine_.View(1), nullptr);
    EXPECT_EQ(Commit(BatchWriter()), Groups{});
    EXPECT_EQ(engine_.View(0), view);
  }
}

TEST_F(EngineTest, NamesWhatItRefuses) {
  Commit(TwoLeaves().PutSpace(0, 0));
  const auto expect = [this](const BatchWriter& batch, Refusal refusal, uint32_t subject) {
    const Status status = Refuse(batch);
    EXPECT_EQ(status.refusal, refusal);
    EXPECT_EQ(status.subject, subject);
  };
  expect(BatchWriter().PutSpace(1, 0).Put(7, Alias(8, 0, 8)), Refusal::kMalformed, 1);
  expect(BatchWriter().Remove(2).Remove(0).Remove(1), Refusal::kMalformed, 1);
  expect(BatchWriter().Put(3, Leaf(8)).PutSpace(1, 4), Refusal::kMalformed, 1);
  expect(BatchWriter().Put(7, In(0, 0, Alias(0, 0, 8))), Refusal::kEndlessAlias, 7);
}

TEST_F(EngineTest, RefusesWhatCostsTooMuch) {
  Engine engine({.budget = {.visits = 3, .paints = 2}});
  // All views of a commit together.
  EXPECT_EQ(engine.Commit(TwoLeaves().PutSpace(0, 0).PutSpace(1, 1).bytes()).refusal,
            Refusal::kTooMuchWork);
  ASSERT_TRUE(engine.Commit(TwoLeaves().PutSpace(0, 0).bytes()).ok());
  engine.Publish();
  EXPECT_EQ(engine.View(0)->size(), 2u);
}

}  // namespace
}  // namespace flatview::engine
