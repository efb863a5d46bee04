#include "engine/flat_view.h"

#include <gtest/gtest.h>

#include <vector>

#include "test/engine/print.h"

namespace flatview::engine {
namespace {

FlatView Make(const std::vector<FlatRange>& ranges) {
  return {11, 12, FlatTreeSplicer().Build(ranges)};
}

std::vector<FlatRange> RangesOf(const FlatView& view) {
  std::vector<FlatRange> ranges;
  for (const FlatRange range : view) ranges.push_back(range);
  return ranges;
}

TEST(FlatView, IsEmptyByDefault) {
  const FlatView view;
  EXPECT_EQ(view.root(), kNoRegion);
  EXPECT_EQ(view.serial(), 0u);
  EXPECT_EQ(view.size(), 0u);
  EXPECT_TRUE(view.begin().at_end());
  EXPECT_FALSE(view.Lookup(0));
}

TEST(FlatView, HoldsItsRanges) {
  const std::vector<FlatRange> ranges = {{1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}};
  const FlatView view = Make(ranges);
  EXPECT_EQ(view.root(), 11u);
  EXPECT_EQ(view.serial(), 12u);
  EXPECT_EQ(view.size(), 2u);
  EXPECT_EQ(RangesOf(view), ranges);
}

// Every number of ranges up to some, each with gaps or without, asked at every byte.
TEST(FlatView, FindsTheRangeAtOrAboveAnAddress) {
  for (uint64_t count = 0; count <= 70; ++count) {
    for (const uint64_t gap : {0u, 1u, 3u}) {
      std::vector<FlatRange> ranges;
      ranges.reserve(count);
      const uint64_t stride = 4 + gap;
      for (uint64_t i = 0; i < count; ++i) {
        ranges.push_back({i * stride + gap, i * stride + gap + 3, 0, static_cast<RegionId>(i), 0});
      }
      const FlatView view = Make(ranges);
      for (uint64_t address = 0; address < (count + 1) * stride; ++address) {
        size_t expected = 0;
        while (expected < count && ranges[expected].last < address) ++expected;
        const auto cursor = view.From(address);
        ASSERT_EQ(cursor.at_end(), expected == count);
        if (expected < count) {
          ASSERT_EQ(*cursor, ranges[expected]);
        }
        const bool held = expected < count && ranges[expected].first <= address;
        const auto found = view.Lookup(address);
        ASSERT_EQ(found.has_value(), held);
        if (held) {
          ASSERT_EQ(*found, ranges[expected]);
          ASSERT_EQ(view.At(address), ranges[expected]);
          continue;
        }
        const FlatRange hole = view.At(address);
        ASSERT_EQ(hole.region, kNoRegion);
        ASSERT_EQ(hole.first, expected == 0 ? 0 : ranges[expected - 1].last + 1);
        ASSERT_EQ(hole.last, expected == count ? UINT64_MAX : ranges[expected].first - 1);
      }
    }
  }
}

TEST(FlatView, FindsTheLastAddress) {
  const FlatRange top = {UINT64_MAX - 1, UINT64_MAX, 0, 7, 0};
  const FlatView view = Make({{0, 0, 0, 1, 0}, top});
  EXPECT_EQ(view.Lookup(UINT64_MAX), top);
  EXPECT_FALSE(view.Lookup(UINT64_MAX - 2));
  EXPECT_EQ(*view.From(UINT64_MAX), top);
}

}  // namespace
}  // namespace flatview::engine
