#include "engine/interval_forest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <vector>

namespace flatview::engine {
namespace {

using Intervals = std::map<RegionId, Interval>;

// Every item of an inner node is the hull of its child; returns all intervals, ascending.
Intervals ExpectHulls(const IntervalForest::Node& node) {
  Intervals all;
  EXPECT_GT(node.count, 0u);
  for (size_t i = 0; i < node.count; ++i) {
    const auto [hull, id] = node.At(i);
    if (node.height == 0) {
      all.emplace(id, hull);
      continue;
    }
    const Intervals below = ExpectHulls(node.Child(i));
    Interval expected = {.range = {kLastAddress, 0}, .key = hull.key, .is_leaf = true};
    bool has_key = false;
    for (const auto& [each, interval] : below) {
      expected.range.first = std::min(expected.range.first, interval.range.first);
      expected.range.last = std::max(expected.range.last, interval.range.last);
      expected.key = std::max(expected.key, interval.key);
      expected.is_leaf = expected.is_leaf && interval.is_leaf;
      has_key = has_key || interval.key == hull.key;
    }
    EXPECT_EQ(hull, expected);
    EXPECT_TRUE(has_key);
    EXPECT_EQ(below.at(id).range.first, hull.range.first);
    all.insert(below.begin(), below.end());
  }
  return all;
}

// What a tree holds, in order.
void ExpectTree(const IntervalForest::Node* tree, const Intervals& intervals) {
  ASSERT_EQ(tree == nullptr, intervals.empty());
  if (tree == nullptr) return;
  EXPECT_EQ(ExpectHulls(*tree), intervals);
  EXPECT_TRUE(tree->height == 0 || tree->count > 1);
  std::vector<std::pair<uint64_t, RegionId>> order;
  IntervalForest::ForEach(tree, kAllAddresses, [&order](RegionId id, const Interval& interval) {
    order.emplace_back(interval.range.first, id);
  });
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.size(), intervals.size());
}

TEST(IntervalForest, FindsWhatIntersectsLikeAList) {
  std::mt19937 random(4);
  const auto below = [&random](uint32_t bound) { return static_cast<uint32_t>(random() % bound); };
  constexpr RegionId kOwners = 2;
  constexpr RegionId kIds = 300;
  IntervalForest forest;
  std::map<RegionId, Intervals> expected;
  for (uint32_t round = 0; round < 20'000; ++round) {
    // By turns there are few and many.
    const uint32_t shrinking = round / 2'000 % 2 == 0 ? 10 : 90;
    const RegionId id = kOwners + below(kIds) * 7;
    const uint64_t begin = below(100);
    const Interval interval = {.range = {begin, begin + below(below(10) == 0 ? 100 : 4)},
                               .key = {static_cast<int>(below(3)) - 1, below(9), id},
                               .is_leaf = below(20) != 0};
    if (const RegionId at = forest.OwnerOf(id); at == kNoRegion) {
      const RegionId into = below(kOwners);
      forest.Insert(into, id, interval);
      expected[into].emplace(id, interval);
    } else if (below(4) == 0) {
      forest.Change(id, interval);
      expected[at].at(id) = interval;
    } else if (below(100) < shrinking) {
      ASSERT_EQ(forest.IntervalOf(id), expected[at].at(id));
      ASSERT_EQ(forest.IsLeaf(id), expected[at].at(id).is_leaf);
      forest.Erase(id);
      expected[at].erase(id);
    }
    const RegionId owner = below(kOwners);
    if (round % 16 == 0) {
      ASSERT_NO_FATAL_FAILURE(ExpectTree(forest.TreeOf(owner), expected[owner]));
    }
    const uint64_t first = below(110);
    const AddressRange range = {first, first + below(10)};
    Intervals found;
    IntervalForest::ForEach(
        forest.TreeOf(owner), range,
        [&found](RegionId each, const Interval& it) { found.emplace(each, it); });
    Intervals wanted;
    for (const auto& [each, it] : expected[owner]) {
      if (it.range.last >= range.first && it.range.first <= range.last) {
        wanted.emplace(each, it);
      }
    }
    ASSERT_EQ(found, wanted);
  }
}

}  // namespace
}  // namespace flatview::engine
