// Random trees and random edits of them, against the naive painter. Guarantee: Exact.

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "engine/engine.h"
#include "test/engine/batch_writer.h"
#include "test/engine/changes.h"
#include "test/engine/painter.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

constexpr RegionId kRegions = 14;
constexpr AddressSpaceId kSpaces = 3;

std::vector<FlatRange> RangesOf(const FlatView& view) {
  std::vector<FlatRange> ranges;
  ranges.reserve(view.size());
  for (const FlatRange range : view) ranges.push_back(range);
  return ranges;
}

// A listener: plays the changes of one address space on a copy of its view.
class Follower {
 public:
  void Hear(const ChangeGroup& group) {
    for (const Change& change : group.changes) {
      const FlatRange& range = change.range;
      if (change.kind == Change::kAdd) {
        ASSERT_TRUE(ranges_.emplace(range.first, range).second);
        continue;
      }
      const auto known = ranges_.find(range.first);
      ASSERT_NE(known, ranges_.end());
      if (change.kind == Change::kDelete) {
        ASSERT_EQ(known->second, range);
        ranges_.erase(known);
      } else {
        ASSERT_EQ((known->second.attributes & range_attribute::kDirtyLogMask) >> 8,
                  change.old_mask);
        known->second = range;
      }
    }
  }

  std::vector<FlatRange> Ranges() const {
    std::vector<FlatRange> ranges;
    ranges.reserve(ranges_.size());
    for (const auto& [first, range] : ranges_) ranges.push_back(range);
    return ranges;
  }

 private:
  std::map<uint64_t, FlatRange> ranges_;
};

// Makes regions up. They lie in and show those with lower ids, or now and then any, so that cycles
// come about. All addresses are multiples of Painter::kCellSize.
class RegionMaker {
 public:
  explicit RegionMaker(uint32_t seed) : random_(seed) {}

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  Region Make(RegionId id) {
    if (id == 0) return WholeSpace();
    const uint32_t kind = Below(8);
    Region region = kind < 2 ? Alias(Other(id), Address(), 0) : kind < 4 ? Container(0) : Leaf(0);
    SetSize(region);
    region.flags |= Flags();
    if (Below(10) == 0) return region;
    const int32_t priority = static_cast<int32_t>(Below(3)) - 1;
    return In(Other(id), Address(), region, priority, ++sequence_);
  }

  Region Edit(Region region) {
    switch (Below(6)) {
      case 0:
        region.flags ^= region_flag::kEnabled;
        break;
      case 1:
        region.address = Address();
        region.sequence = ++sequence_;
        break;
      case 2:
        SetSize(region);
        break;
      case 3:
        if (region.is_alias()) region.alias_offset = Address();
        break;
      case 4:
        region.flags ^= region_flag::kReadonly;
        break;
      default:
        region.flags ^= 1u << region_flag::kDirtyLogMaskShift;
    }
    return region;
  }

 private:
  // Small numbers are as likely as large ones.
  uint64_t Cells() { return Below(1u << Below(9)); }
  uint64_t Address() { return Cells() * Painter::kCellSize; }

  RegionId Other(RegionId id) { return Below(20) == 0 ? Below(kRegions) : Below(id); }

  void SetSize(Region& region) {
    region.size = (Cells() + 1) * Painter::kCellSize;  // 2^64 wraps to 0
    region.flags &= ~region_flag::kWholeSpace;
    if (region.size == 0) region.flags |= region_flag::kWholeSpace;
  }

  uint32_t Flags() {
    uint32_t flags = Below(3) == 0 ? Below(4) << region_flag::kDirtyLogMaskShift : 0;
    for (const uint32_t flag : {region_flag::kReadonly, region_flag::kNonvolatile,
                                region_flag::kRomd, region_flag::kUnmergeable}) {
      if (Below(10) == 0) flags |= flag;
    }
    return flags;
  }

  std::mt19937 random_;
  uint64_t sequence_ = 0;
};

// One engine, the tree it should have, and what its listeners have heard.
class RandomTree {
 public:
  explicit RandomTree(uint32_t seed) : make_(seed) {}

  // Returns whether the engine takes the tree.
  bool Grow() {
    BatchWriter batch;
    for (RegionId id = 0; id < kRegions; ++id) batch.Put(id, regions_[id] = make_.Make(id));
    for (AddressSpaceId space = 0; space < kSpaces; ++space) batch.PutSpace(space, roots_[space]);
    return Commit(batch, true);
  }

  void Edit() {
    const RegionMap regions = regions_;
    const auto roots = roots_;
    BatchWriter batch;
    for (uint32_t count = make_.Below(4); count > 0; --count) {
      const RegionId id = make_.Below(kRegions);
      regions_[id] = make_.Below(3) == 0 ? make_.Make(id) : make_.Edit(regions_[id]);
      batch.Put(id, regions_[id], make_.Below(4) == 0 ? BatchWriter::kTouched : 0);
    }
    const AddressSpaceId space = make_.Below(kSpaces);
    if (make_.Below(8) == 0) batch.PutSpace(space, roots_[space] = make_.Below(kRegions));
    if (Commit(batch, make_.Below(4) != 0)) return;
    regions_ = regions;
    roots_ = roots;
  }

  // The views are what the painter makes of the tree, and what the listeners think they are.
  void Check() {
    Painter painter(regions_);
    for (AddressSpaceId space = 0; space < kSpaces; ++space) {
      const auto view = RangesOf(*engine_.View(space));
      ASSERT_EQ(followers_[space].Ranges(), view);
      const auto expected = painter.Paint(roots_[space]);
      if (!expected) continue;
      ASSERT_EQ(view, *expected);
      ranges_checked_ += view.size();
    }
  }

  size_t ranges_checked() const { return ranges_checked_; }

 private:
  // Returns whether the batch is in effect.
  bool Commit(const BatchWriter& batch, bool publish) {
    const auto before = Serials();
    const Status status = engine_.Commit(batch.bytes());
    EXPECT_NE(status.refusal, Refusal::kSelfCheck) << engine_.self_check_message();
    EXPECT_EQ(Serials(), before);
    if (status.ok() && publish) {
      for (const ChangeGroup& group : ReadChanges(engine_.changes())) {
        for (const AddressSpaceId space : group.spaces) followers_[space].Hear(group);
      }
      engine_.Publish();
      return true;
    }
    if (status.ok()) engine_.Rollback();
    EXPECT_EQ(Serials(), before);
    return false;
  }

  // Which views there are. An address space that is yet to come has the empty view.
  std::array<uint64_t, kSpaces> Serials() const {
    std::array<uint64_t, kSpaces> serials{};
    for (AddressSpaceId space = 0; space < kSpaces; ++space) {
      const auto view = engine_.View(space);
      serials[space] = view != nullptr ? view->serial() : 0;
    }
    return serials;
  }

  RegionMaker make_;
  RegionMap regions_;
  std::array<RegionId, kSpaces> roots_ = {0, 0, kRegions - 1};
  std::array<Follower, kSpaces> followers_;
  Engine engine_{{.budget = {.visits = 1u << 16, .paints = 1u << 16}, .self_check = true}};
  size_t ranges_checked_ = 0;
};

TEST(RandomTrees, AreAsThePainterPaintsThemAfterEveryEdit) {
  constexpr uint32_t kTrees = 400;
  constexpr int kEdits = 15;
  size_t grown = 0;
  size_t ranges = 0;
  for (uint32_t seed = 0; seed < kTrees; ++seed) {
    RandomTree tree(seed);
    if (!tree.Grow()) continue;
    ++grown;
    for (int edit = 0; edit < kEdits; ++edit) {
      tree.Edit();
      tree.Check();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed << " edit " << edit;
    }
    ranges += tree.ranges_checked();
  }
  // Neither refused nor empty for the most part.
  EXPECT_GT(grown, kTrees / 2);
  EXPECT_GT(ranges, grown * kEdits * kSpaces);
}

}  // namespace
}  // namespace flatview::engine
