// The persistent tree of ranges. Guarantee: Left alone (an old view stays what it was).

#include "engine/flat_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "test/engine/print.h"

namespace flatview::engine {
namespace {

using Ranges = std::vector<FlatRange>;

Ranges RangesOf(const FlatTree& tree) {
  Ranges ranges;
  for (FlatTree::Cursor cursor = tree.From(0); !cursor.at_end(); ++cursor)
    ranges.push_back(*cursor);
  return ranges;
}

// `count` ranges of one byte, every second one free, from `first` on.
Ranges Some(uint64_t first, uint64_t count, RegionId region) {
  Ranges ranges;
  for (uint64_t i = 0; i < count; ++i) {
    ranges.push_back({first + 2 * i, first + 2 * i, 0, region, 0});
  }
  return ranges;
}

// What Splice is to do, on a vector.
Ranges Replace(const Ranges& ranges, const AddressRange& window, const Ranges& by) {
  Ranges result;
  for (const FlatRange& range : ranges) {
    if (range.last < window.first) result.push_back(range);
  }
  result.insert(result.end(), by.begin(), by.end());
  for (const FlatRange& range : ranges) {
    if (range.first > window.last) result.push_back(range);
  }
  return result;
}

TEST(FlatTree, HoldsAnyNumberOfRanges) {
  for (const uint64_t count : {0u, 1u, 31u, 32u, 33u, 500u, 513u, 20'000u}) {
    const Ranges ranges = Some(7, count, 3);
    const FlatTree tree = FlatTreeSplicer().Build(ranges);
    EXPECT_EQ(tree.size(), count);
    EXPECT_EQ(tree.empty(), count == 0);
    EXPECT_EQ(RangesOf(tree), ranges);
  }
}

TEST(FlatTree, FindsWhatIsAtTheLastAddressHoweverFullNodesAre) {
  for (const uint64_t count : {1u, 8u, 9u, 16u, 17u, 31u, 32u, 33u, 500u, 513u}) {
    Ranges ranges = Some(7, count, 3);
    const uint64_t behind = ranges.back().last + 1;
    const FlatRange hole = FlatTree::Hole(behind, kLastAddress);
    EXPECT_EQ(FlatTreeSplicer().Build(ranges).At(kLastAddress), hole);
    ranges.push_back({kLastAddress, kLastAddress, 0, 4, 0});
    EXPECT_EQ(FlatTreeSplicer().Build(ranges).At(kLastAddress), ranges.back());
  }
}

TEST(FlatTree, SplicesLikeAVectorAndLeavesOldTreesAlone) {
  std::mt19937 random(1);
  const auto below = [&random](uint64_t bound) { return random() % bound; };
  constexpr uint64_t kSpace = 20'000;
  FlatTreeSplicer splicer;
  FlatTree tree;
  Ranges ranges;
  std::vector<std::pair<FlatTree, Ranges>> old;
  for (int round = 0; round < 3'000; ++round) {
    const uint64_t first = below(kSpace);
    // Mostly small, now and then nearly everything: the tree grows and shrinks by levels.
    const uint64_t length = below(20) == 0 ? below(kSpace) : below(40);
    const AddressRange window = {first, first + length};
    const uint64_t room = length / 2 + 1;
    const Ranges by =
        Some(first, below(3) == 0 ? 0 : below(room + 1), static_cast<RegionId>(round));
    old.emplace_back(tree, ranges);
    ranges = Replace(ranges, window, by);
    tree = splicer.Splice(tree, window, by);
    ASSERT_EQ(tree.size(), ranges.size());
    ASSERT_EQ(RangesOf(tree), ranges);
    const auto& [old_tree, old_ranges] = old[below(old.size())];
    ASSERT_EQ(RangesOf(old_tree), old_ranges);
    if (old.size() > 50) old.erase(old.begin() + static_cast<std::ptrdiff_t>(below(50)));
  }
}

TEST(FlatTree, IsTheSameOnlyAsItsCopies) {
  const FlatTree tree = FlatTreeSplicer().Build(Some(0, 100, 1));
  const FlatTree copy = tree;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_TRUE(copy.SameAs(tree));
  EXPECT_FALSE(FlatTreeSplicer().Build(Some(0, 100, 1)).SameAs(tree));
}

}  // namespace
}  // namespace flatview::engine
