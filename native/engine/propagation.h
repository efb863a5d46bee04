#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/address_range.h"
#include "engine/child_index.h"
#include "engine/liveness.h"
#include "engine/paged_table.h"
#include "engine/region_table.h"

namespace flatview::engine {

// The stretches of a region's own bytes that one commit has carried through it.
//
// Invariants: at most kMaxRanges.
class CarriedRanges {
 public:
  // Adds `range`. Returns false if all of it was carried before. Otherwise `range` becomes what is
  // to be carried on: itself, or, where there are too many to remember, a range around all of them.
  // It gets its way only so often, before that is the `whole` region. So a cycle of aliases, which
  // carries a range shifted a little at each turn, ends.
  bool Add(AddressRange& range, const AddressRange& whole);

  void Clear() {
    ranges_.clear();
    hulls_ = 0;
  }

 private:
  static constexpr size_t kMaxRanges = 64;
  static constexpr uint32_t kMaxHulls = 8;

  std::vector<AddressRange> ranges_;
  uint32_t hulls_ = 0;
};

// Finds the windows of the views in which something may have changed: carries what changed in a
// region up through its container and through all live aliases that show it.
//
// What changed is carried through the tree as it is now. That is enough, though it was another one
// before: an edge of the tree that changed changes all that is seen through it.
//
// Thread safety: none; one thread at a time.
class Propagation {
 public:
  // A window of the view with this root. Windows may overlap.
  using Window = std::pair<RegionId, AddressRange>;

  // REQUIRES: all live as long, and follow what changed already.
  Propagation(const RegionTable& regions, const ChildIndex& children, const Liveness& liveness)
      : regions_(regions), children_(children), liveness_(liveness) {}

  // Finds the windows of `changes`, which the next call replaces.
  std::span<const Window> Run(std::span<const RegionTable::Change> changes);

 private:
  void CarryChange(const RegionTable::Change& change);
  void CarryPlace(const Region& region, const AddressRange& part);
  void CarryShown(RegionId id, const AddressRange& part);
  void CarryInto(RegionId id, Int128 first, Int128 last);
  CarriedRanges& CarriedThrough(RegionId id);
  void ForgetCarried();
  void AddWindow(RegionId root, uint64_t address, const AddressRange& part);

  const RegionTable& regions_;
  const ChildIndex& children_;
  const Liveness& liveness_;
  std::vector<Window> windows_;
  std::vector<std::pair<RegionId, AddressRange>> pending_;  // to be carried out of these regions
  // The first of carried_ are in use, and found by their region; the others keep their memory.
  PagedTable<uint32_t> carried_index_;
  std::vector<RegionId> carried_regions_;
  std::vector<CarriedRanges> carried_;
};

}  // namespace flatview::engine
