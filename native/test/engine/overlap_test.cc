#include "engine/overlap.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "test/engine/print.h"

namespace flatview::engine {
namespace {

using Ranges = std::vector<FlatRange>;

// Region `id` from `first` to `last`, by its own bytes.
FlatRange Paint(uint64_t first, uint64_t last, RegionId id) { return {first, last, first, id, 0}; }

Ranges Resolve(const Ranges& paints) {
  Ranges view;
  OverlapResolver().Resolve(paints, view);
  return view;
}

TEST(Overlap, OfNothingIsNothing) { EXPECT_EQ(Resolve({}), Ranges{}); }

TEST(Overlap, TheFirstPaintWins) {
  EXPECT_EQ(Resolve({Paint(4, 7, 1), Paint(0, 9, 2)}),
            (Ranges{Paint(0, 3, 2), Paint(4, 7, 1), Paint(8, 9, 2)}));
  EXPECT_EQ(Resolve({Paint(0, 9, 2), Paint(4, 7, 1)}), Ranges{Paint(0, 9, 2)});
}

TEST(Overlap, ReachesTheLastAddress) {
  EXPECT_EQ(Resolve({Paint(UINT64_MAX, UINT64_MAX, 1), Paint(0, UINT64_MAX, 2)}),
            (Ranges{Paint(0, UINT64_MAX - 1, 2), Paint(UINT64_MAX, UINT64_MAX, 1)}));
  EXPECT_EQ(Resolve({Paint(5, UINT64_MAX, 1), Paint(0, UINT64_MAX, 2), Paint(7, UINT64_MAX, 3)}),
            (Ranges{Paint(0, 4, 2), Paint(5, UINT64_MAX, 1)}));
}

TEST(Overlap, AppendsToWhatIsThere) {
  Ranges view = {Paint(0, 3, 1)};
  OverlapResolver().Resolve(Ranges{Paint(4, 5, 1), Paint(6, 8, 2)}, view);
  EXPECT_EQ(view, (Ranges{Paint(0, 5, 1), Paint(6, 8, 2)}));
}

// Against painting byte by byte.
TEST(Overlap, AgreesWithPaintingEachByte) {
  constexpr uint64_t kBytes = 64;
  std::mt19937 random(1);
  const auto below = [&random](uint64_t bound) { return random() % bound; };
  OverlapResolver resolver;
  for (int round = 0; round < 20'000; ++round) {
    Ranges paints;
    std::array<RegionId, kBytes> bytes{};
    bytes.fill(kNoRegion);
    const uint64_t longest = 1 + below(kBytes);
    for (uint64_t count = below(12); count > 0; --count) {
      const uint64_t first = below(kBytes);
      const uint64_t last = std::min(first + below(longest), kBytes - 1);
      const auto id = static_cast<RegionId>(below(4));
      paints.push_back(Paint(first, last, id));
      for (uint64_t byte = first; byte <= last; ++byte) {
        if (bytes[byte] == kNoRegion) bytes[byte] = id;
      }
    }
    Ranges expected;
    for (uint64_t byte = 0; byte < kBytes; ++byte) {
      if (bytes[byte] == kNoRegion) continue;
      if (!expected.empty() && CanMerge(expected.back(), Paint(byte, byte, bytes[byte]))) {
        expected.back().last = byte;
      } else {
        expected.push_back(Paint(byte, byte, bytes[byte]));
      }
    }
    Ranges view;
    resolver.Resolve(paints, view);
    ASSERT_EQ(view, expected) << "round " << round;
  }
}

}  // namespace
}  // namespace flatview::engine
