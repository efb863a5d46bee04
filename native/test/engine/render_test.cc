#include "engine/render.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <initializer_list>
#include <utility>
#include <vector>

#include "test/engine/print.h"
#include "test/engine/regions.h"

namespace flatview::engine {

namespace {

using range_attribute::kNonvolatile;
using range_attribute::kReadonly;
using range_attribute::kRomd;
using range_attribute::kUnmergeable;
using Ranges = std::vector<FlatRange>;

// A table of regions 0, 1, 2, ..., of which 0 is the root.
class RenderTest : public testing::Test {
 public:
  void Build(std::initializer_list<Region> regions) {
    RegionId id = 0;
    for (const Region& region : regions) Put(id++, region);
    ASSERT_TRUE(table_.CheckLinks().ok());
    table_.Keep();
  }

  void Put(RegionId id, const Region& region) { ASSERT_TRUE(table_.Put(id, region, false, 0)); }

  Status TryRender(Ranges& view, const AddressRange& window = kAllAddresses) const {
    RenderBudget budget = budget_;
    ListedSubregions subregions(table_);
    return ScratchRenderer(table_, subregions).Render(0, window, budget, view);
  }

  Ranges Render(const AddressRange& window = kAllAddresses) const {
    Ranges view;
    EXPECT_TRUE(TryRender(view, window).ok());
    return view;
  }

  Refusal Refuse(uint32_t* subject = nullptr) const {
    Ranges view;
    const Status status = TryRender(view);
    EXPECT_TRUE(view.empty());
    if (subject != nullptr) *subject = status.subject;
    return status.refusal;
  }

  RegionTable table_;
  RenderBudget budget_;
};

TEST_F(RenderTest, ShowsALeafWhereItsContainersPutIt) {
  Build({WholeSpace(), In(0, 0x1000, Container(0x1000)), In(1, 0x20, Leaf(0x10))});
  EXPECT_EQ(Render(), (Ranges{{0x1020, 0x102f, 0, 2, 0}}));
}

TEST_F(RenderTest, HonoursTheAddressOfARoot) {
  Region root = Leaf(0x100);
  root.address = 0x4000;
  Build({root});
  EXPECT_EQ(Render(), (Ranges{{0x4000, 0x40ff, 0, 0, 0}}));
}

TEST_F(RenderTest, ShowsAWholeSpace) {
  Build({With(region_flag::kTerminates, WholeSpace())});
  EXPECT_EQ(Render(), (Ranges{{0, UINT64_MAX, 0, 0, 0}}));
}

TEST_F(RenderTest, ShowsNothingOfSizeZero) {
  Build({WholeSpace(), In(0, 0x1000, Leaf(0)), In(0, 0x2000, Container(0)), In(2, 0, Leaf(8))});
  EXPECT_EQ(Render(), Ranges{});
}

TEST_F(RenderTest, CutsWhatPassesTheEndOfTheAddressSpace) {
  Build({WholeSpace(), In(0, UINT64_MAX - 0xf, Leaf(0x100))});
  EXPECT_EQ(Render(), (Ranges{{UINT64_MAX - 0xf, UINT64_MAX, 0, 1, 0}}));
}

TEST_F(RenderTest, CutsAChildThatSticksOutOfItsParent) {
  Build({WholeSpace(), In(0, 0x1000, Container(0x100)), In(1, 0xf0, Leaf(0x100)),
         In(1, 0x200, Leaf(0x100))});
  EXPECT_EQ(Render(), (Ranges{{0x10f0, 0x10ff, 0, 2, 0}}));
}

TEST_F(RenderTest, HidesADisabledRegionWithAllInIt) {
  Build({WholeSpace(), In(0, 0, Disabled(Leaf(0x100))), In(1, 0, Leaf(0x10)),
         In(0, 0x1000, Disabled(Container(0x100))), In(3, 0, Leaf(0x10))});
  EXPECT_EQ(Render(), Ranges{});
}

// Siblings.

TEST_F(RenderTest, PutsTheHigherPriorityOnTop) {
  Build({WholeSpace(), In(0, 0, Leaf(0x100), 1), In(0, 0x80, Leaf(0x100), -1, 7),
         In(0, 0x180, Leaf(0x10), INT32_MAX), In(0, 0x188, Leaf(0x100), INT32_MIN, 8)});
  EXPECT_EQ(Render(), (Ranges{{0, 0xff, 0, 1, 0},
                              {0x100, 0x17f, 0x80, 2, 0},
                              {0x180, 0x18f, 0, 3, 0},
                              {0x190, 0x287, 8, 4, 0}}));
}

TEST_F(RenderTest, PutsTheLastAddedOfEqualPriorityOnTop) {
  Build({WholeSpace(), In(0, 0, Leaf(0x100), 0, 2), In(0, 0x80, Leaf(0x100), 0, 3),
         In(0, 0, Leaf(0x20), 0, 1)});
  EXPECT_EQ(Render(), (Ranges{{0, 0x7f, 0, 1, 0}, {0x80, 0x17f, 0, 2, 0}}));
  Put(1, In(0, 0, Leaf(0x100), 0, 4));  // added again
  EXPECT_EQ(Render(), (Ranges{{0, 0xff, 0, 1, 0}, {0x100, 0x17f, 0x80, 2, 0}}));
}

TEST_F(RenderTest, ComparesPrioritiesBetweenSiblingsOnly) {
  Build({WholeSpace(), In(0, 0, Container(0x100), 1), In(1, 0, Leaf(0x80), -5),
         In(0, 0, Leaf(0x100), 0, 9)});
  EXPECT_EQ(Render(), (Ranges{{0, 0x7f, 0, 2, 0}, {0x80, 0xff, 0x80, 3, 0}}));
}

TEST_F(RenderTest, ShowsLowerSiblingsThroughTheHolesOfAContainer) {
  Build({WholeSpace(), In(0, 0, Container(0x100), 10), In(1, 0x40, Leaf(0x40)),
         In(0, 0, Leaf(0x100), 0)});
  EXPECT_EQ(Render(),
            (Ranges{{0, 0x3f, 0, 3, 0}, {0x40, 0x7f, 0, 2, 0}, {0x80, 0xff, 0x80, 3, 0}}));
}

TEST_F(RenderTest, ShowsWhatAnswersItselfBehindItsSubregions) {
  Build(
      {WholeSpace(), In(0, 0, Leaf(0x100), 10), In(1, 0x40, Leaf(0x40)), In(0, 0, Leaf(0x200), 0)});
  EXPECT_EQ(Render(), (Ranges{{0, 0x3f, 0, 1, 0},
                              {0x40, 0x7f, 0, 2, 0},
                              {0x80, 0xff, 0x80, 1, 0},
                              {0x100, 0x1ff, 0x100, 3, 0}}));
}

// Aliases.

TEST_F(RenderTest, ShowsItsTargetThroughAnAlias) {
  Build({WholeSpace(), Leaf(0x1000), In(0, 0x5000, Alias(1, 0x100, 0x200))});
  EXPECT_EQ(Render(), (Ranges{{0x5000, 0x51ff, 0x100, 1, 0}}));
}

TEST_F(RenderTest, IgnoresWhereAnAliasTargetIs) {
  Build({WholeSpace(), In(3, 0xff00, Leaf(0x1000)), In(0, 0x5000, Alias(1, 0, 0x10)),
         Disabled(Container(0x20000))});
  EXPECT_EQ(Render(), (Ranges{{0x5000, 0x500f, 0, 1, 0}}));
}

TEST_F(RenderTest, CutsAnAliasToItsTarget) {
  Build({WholeSpace(), Leaf(0x100), In(0, 0x5000, Alias(1, 0x80, 0x1000)),
         In(0, 0x9000, Alias(1, 0x100, 0x1000))});
  EXPECT_EQ(Render(), (Ranges{{0x5000, 0x507f, 0x80, 1, 0}}));
}

TEST_F(RenderTest, ShowsNothingOfADisabledTarget) {
  Build({WholeSpace(), Disabled(Leaf(0x100)), In(0, 0, Alias(1, 0, 0x100))});
  EXPECT_EQ(Render(), Ranges{});
}

TEST_F(RenderTest, ShowsAContainerWithHolesThroughAnAlias) {
  Build({WholeSpace(), Container(0x1000), In(1, 0x100, Leaf(0x100)), In(1, 0x300, Leaf(0x100)),
         In(0, 0x8000, Alias(1, 0x180, 0x200), 1), In(0, 0x8000, Leaf(0x1000), 0)});
  EXPECT_EQ(Render(), (Ranges{{0x8000, 0x807f, 0x80, 2, 0},
                              {0x8080, 0x817f, 0x80, 5, 0},
                              {0x8180, 0x81ff, 0, 3, 0},
                              {0x8200, 0x8fff, 0x200, 5, 0}}));
}

TEST_F(RenderTest, ShowsAnAliasOfAnAlias) {
  Build({WholeSpace(), Leaf(0x1000), Alias(1, 0x200, 0x400), In(0, 0x10, Alias(2, 0x100, 0x1000))});
  EXPECT_EQ(Render(), (Ranges{{0x10, 0x30f, 0x300, 1, 0}}));
}

TEST_F(RenderTest, AllowsABaseBelowZero) {
  // Region 3's base is 0x10 - (2^64 - 16): far below zero, and only its last bytes can be seen.
  Build({WholeSpace(), WholeSpace(), In(0, 0x10, Alias(1, UINT64_MAX - 0xf, 0x1000)),
         In(1, 0, With(region_flag::kTerminates, WholeSpace()))});
  EXPECT_EQ(Render(), (Ranges{{0x10, 0x1f, UINT64_MAX - 0xf, 3, 0}}));
}

TEST_F(RenderTest, IgnoresSubregionsOfAnAlias) {
  Build({WholeSpace(), Leaf(0x10), In(0, 0, Alias(1, 0, 0x100)), In(2, 0x20, Leaf(0x10))});
  EXPECT_EQ(Render(), (Ranges{{0, 0xf, 0, 1, 0}}));
}

// What is inherited.

TEST_F(RenderTest, InheritsThroughContainersAndAliases) {
  Build({WholeSpace(), Leaf(0x100), In(0, 0, With(region_flag::kReadonly, Alias(1, 0, 0x100))),
         In(0, 0x1000, Alias(1, 0, 0x100)),
         In(0, 0x2000, With(region_flag::kNonvolatile, Container(0x100))), In(4, 0, Leaf(0x10)),
         In(0, 0x3000, With(region_flag::kUnmergeable, Container(0x100))), In(6, 0, Leaf(0x10))});
  EXPECT_EQ(Render(), (Ranges{{0, 0xff, 0, 1, kReadonly},
                              {0x1000, 0x10ff, 0, 1, 0},
                              {0x2000, 0x200f, 0, 5, kNonvolatile},
                              {0x3000, 0x300f, 0, 7, kUnmergeable}}));
}

TEST_F(RenderTest, TakesRomdAndTheDirtyLogMaskFromTheRegionItself) {
  const uint32_t logged = 5u << region_flag::kDirtyLogMaskShift | region_flag::kRomd;
  Build({With(logged, WholeSpace()), In(0, 0, Leaf(0x10)), In(0, 0x20, With(logged, Leaf(0x10)))});
  EXPECT_EQ(Render(), (Ranges{{0, 0xf, 0, 1, 0}, {0x20, 0x2f, 0, 2, kRomd | 0x500}}));
}

// Merging.

TEST_F(RenderTest, MergesWhatContinues) {
  Build({WholeSpace(), Leaf(0x1000), In(0, 0, Alias(1, 0, 0x100)),
         In(0, 0x100, Alias(1, 0x100, 0x100)), In(0, 0x200, Alias(1, 0x200, 0x100))});
  EXPECT_EQ(Render(), (Ranges{{0, 0x2ff, 0, 1, 0}}));
}

TEST_F(RenderTest, MergesAcrossWhatHidThePlaceAnyway) {
  // A window onto the same bytes lies on top, as QEMU's PAM regions do.
  Build({WholeSpace(), Leaf(0x1000), In(0, 0, Alias(1, 0, 0x1000)),
         In(0, 0x400, Alias(1, 0x400, 0x100), 1)});
  EXPECT_EQ(Render(), (Ranges{{0, 0xfff, 0, 1, 0}}));
}

TEST_F(RenderTest, KeepsApartWhatDoesNotContinue) {
  Build({WholeSpace(), Leaf(0x1000), Leaf(0x1000),
         In(0, 0, Alias(1, 0, 0x100)),          // another offset follows
         In(0, 0x100, Alias(1, 0x200, 0x100)),  // another region follows
         In(0, 0x200, Alias(2, 0x300, 0x100)),  // a gap follows
         In(0, 0x301, Alias(2, 0x401, 0x100))});
  EXPECT_EQ(Render(), (Ranges{{0, 0xff, 0, 1, 0},
                              {0x100, 0x1ff, 0x200, 1, 0},
                              {0x200, 0x2ff, 0x300, 2, 0},
                              {0x301, 0x400, 0x401, 2, 0}}));
}

TEST_F(RenderTest, KeepsApartWhatInheritedSomethingElse) {
  for (const auto& [flag, attribute] : {std::pair(region_flag::kReadonly, kReadonly),
                                        std::pair(region_flag::kNonvolatile, kNonvolatile),
                                        std::pair(region_flag::kUnmergeable, kUnmergeable)}) {
    table_ = RegionTable();
    Build({WholeSpace(), Leaf(0x1000), In(0, 0, With(flag, Alias(1, 0, 0x100))),
           In(0, 0x100, Alias(1, 0x100, 0x100))});
    EXPECT_EQ(Render(), (Ranges{{0, 0xff, 0, 1, attribute}, {0x100, 0x1ff, 0x100, 1, 0}}));
  }
}

TEST_F(RenderTest, NeverMergesWhatIsUnmergeable) {
  Build({WholeSpace(), With(region_flag::kUnmergeable, Leaf(0x1000)), In(0, 0, Alias(1, 0, 0x100)),
         In(0, 0x100, Alias(1, 0x100, 0x100))});
  EXPECT_EQ(Render(),
            (Ranges{{0, 0xff, 0, 1, kUnmergeable}, {0x100, 0x1ff, 0x100, 1, kUnmergeable}}));
}

// Windows.

TEST_F(RenderTest, RendersOnlyAWindow) {
  Build(
      {WholeSpace(), In(0, 0, Leaf(0x100)), In(0, 0x80, Leaf(0x10), 1), In(0, 0x200, Leaf(0x100))});
  EXPECT_EQ(Render({0x88, 0x94}), (Ranges{{0x88, 0x8f, 8, 2, 0}, {0x90, 0x94, 0x90, 1, 0}}));
  EXPECT_EQ(Render({0x100, 0x1ff}), Ranges{});
  EXPECT_EQ(Render({0x2ff, UINT64_MAX}), (Ranges{{0x2ff, 0x2ff, 0xff, 3, 0}}));
}

// Cycles and limits.

TEST_F(RenderTest, FollowsACycleOfAliasesThatClippingEnds) {
  // The space shows itself, shifted: in each round 0x100 bytes less of it.
  Build({Container(0x400), In(0, 0, Leaf(0x80)), In(0, 0x100, Alias(0, 0, 0x300))});
  EXPECT_EQ(Render(), (Ranges{{0, 0x7f, 0, 1, 0},
                              {0x100, 0x17f, 0, 1, 0},
                              {0x200, 0x27f, 0, 1, 0},
                              {0x300, 0x37f, 0, 1, 0}}));
}

TEST_F(RenderTest, RefusesACycleThatComesBackToTheSamePlace) {
  Build({WholeSpace(), In(0, 0, Container(0x1000)), In(1, 0x10, Alias(0, 0x10, 0x100))});
  uint32_t subject = 0;
  EXPECT_EQ(Refuse(&subject), Refusal::kEndlessAlias);
  EXPECT_EQ(subject, 2u);
}

TEST_F(RenderTest, RefusesAliasesOfEachOther) {
  Build({Alias(1, 0, 0x1000), Alias(0, 0, 0x1000)});
  EXPECT_EQ(Refuse(), Refusal::kEndlessAlias);
}

TEST_F(RenderTest, RefusesACycleThatShiftsForAsGoodAsEver) {
  Build({WholeSpace(), In(0, 1, Alias(0, 0, UINT64_MAX))});
  uint32_t subject = 0;
  EXPECT_EQ(Refuse(&subject), Refusal::kEndlessAlias);
  EXPECT_EQ(subject, 1u);
}

TEST_F(RenderTest, RefusesACycleThatClippingEndsTooLate) {
  // Each round shows one byte less than the one before: it would take 2^20 of them.
  Build({Container(1u << 20), In(0, 1, Alias(0, 0, 1u << 20)), In(0, 0, Leaf(1), 1)});
  EXPECT_EQ(Refuse(), Refusal::kEndlessAlias);
}

TEST_F(RenderTest, RefusesAliasesThatMultiply) {
  // Region n shows region n + 1 twice, 40 times over.
  constexpr RegionId kDepth = 40;
  Put(0, Container(0x1000));
  for (RegionId n = 0; n < kDepth; ++n) {
    const RegionId next = 3 * n + 3;
    Put(3 * n + 1, In(3 * n, 0, Alias(next, 0, 0x1000)));
    Put(3 * n + 2, In(3 * n, 0, Alias(next, 0, 0x1000)));
    Put(next, Container(0x1000));
  }
  ASSERT_TRUE(table_.CheckLinks().ok());
  budget_.visits = 100'000;
  EXPECT_EQ(Refuse(), Refusal::kTooMuchWork);
}

TEST_F(RenderTest, RefusesTooManyPaints) {
  Build({WholeSpace(), In(0, 0, Leaf(1)), In(0, 1, Leaf(1)), In(0, 2, Leaf(1))});
  budget_.paints = 2;
  EXPECT_EQ(Refuse(), Refusal::kTooMuchWork);
  budget_.paints = 3;
  EXPECT_EQ(Render().size(), 3u);
}

// A leaf in `depth` containers.
void BuildChain(RegionTable& table, uint32_t depth) {
  for (RegionId id = 0; id <= depth; ++id) {
    const Region region = id < depth ? Container(0x1000) : Leaf(0x1000);
    ASSERT_TRUE(table.Put(id, id == 0 ? region : In(id - 1, 0, region), false, 0));
  }
  ASSERT_TRUE(table.CheckLinks().ok());
  table.Keep();
}

TEST_F(RenderTest, NestsAsDeepAsItSays) {
  BuildChain(table_, kMaxDepth);
  EXPECT_EQ(Render(), (Ranges{{0, 0xfff, 0, kMaxDepth, 0}}));
}

TEST_F(RenderTest, RefusesToNestDeeper) {
  BuildChain(table_, kMaxDepth + 1);
  uint32_t subject = 0;
  EXPECT_EQ(Refuse(&subject), Refusal::kTooDeep);
  EXPECT_EQ(subject, kMaxDepth);
}

TEST_F(RenderTest, RefusesAMillionLevelsOnASmallStack) {
  const auto work = [](void* test) -> void* {
    auto* const self = static_cast<RenderTest*>(test);
    BuildChain(self->table_, 1'000'000);
    EXPECT_EQ(self->Refuse(), Refusal::kTooDeep);
    return nullptr;
  };
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, size_t{512} << 10);
  pthread_t thread{};
  ASSERT_EQ(pthread_create(&thread, &attributes, work, this), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace
}  // namespace flatview::engine
