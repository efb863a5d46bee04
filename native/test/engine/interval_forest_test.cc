#include "engine/interval_forest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace flatview::engine {
namespace {

using Intervals = std::map<RegionId, Interval>;

// What the node at the top of a tree is to say of all of it.
void ExpectSummary(const IntervalForest& forest, IntervalForest::Tree tree,
                   const Intervals& intervals) {
  ASSERT_EQ(tree == kNoRegion, intervals.empty());
  if (intervals.empty()) return;
  uint64_t max_last = 0;
  StackingKey highest = intervals.begin()->second.key;
  bool all_leaves = true;
  for (const auto& [id, interval] : intervals) {
    max_last = std::max(max_last, interval.range.last);
    highest = std::max(highest, interval.key);
    all_leaves = all_leaves && interval.is_leaf;
  }
  const IntervalForest::Node& top = forest.At(tree);
  ASSERT_EQ(top.max_last, max_last);
  ASSERT_EQ(top.highest, highest);
  ASSERT_EQ(top.all_leaves, all_leaves);
}

TEST(IntervalForest, FindsWhatIntersectsLikeAList) {
  std::mt19937 random(4);
  const auto below = [&random](uint32_t bound) { return static_cast<uint32_t>(random() % bound); };
  constexpr RegionId kOwners = 2;
  constexpr RegionId kIds = 300;
  IntervalForest forest;
  std::map<RegionId, Intervals> expected;
  for (int round = 0; round < 20'000; ++round) {
    const RegionId id = kOwners + below(kIds) * 7;
    if (const RegionId owner = forest.OwnerOf(id); owner != kNoRegion) {
      ASSERT_EQ(forest.IntervalOf(id), expected[owner].at(id));
      forest.Erase(id);
      expected[owner].erase(id);
    } else {
      const RegionId into = below(kOwners);
      const uint64_t first = below(100);
      const Interval interval = {.range = {first, first + below(below(10) == 0 ? 100 : 4)},
                                 .key = {static_cast<int>(below(3)) - 1, below(9), id},
                                 .is_leaf = below(20) != 0};
      forest.Insert(into, id, interval);
      expected[into].emplace(id, interval);
    }
    const RegionId owner = below(kOwners);
    ASSERT_NO_FATAL_FAILURE(ExpectSummary(forest, forest.TreeOf(owner), expected[owner]));
    const uint64_t first = below(110);
    const AddressRange range = {first, first + below(10)};
    Intervals found;
    forest.ForEach(forest.TreeOf(owner), range, [&found](RegionId each, const Interval& interval) {
      found.emplace(each, interval);
    });
    Intervals wanted;
    for (const auto& [each, interval] : expected[owner]) {
      if (interval.range.last >= range.first && interval.range.first <= range.last) {
        wanted.emplace(each, interval);
      }
    }
    ASSERT_EQ(found, wanted);
  }
}

}  // namespace
}  // namespace flatview::engine
