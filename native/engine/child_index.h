#pragma once

#include "engine/interval_forest.h"
#include "engine/region_table.h"

namespace flatview::engine {

// The enabled subregions of a container, as far as a view root depends on them.
struct EnabledChildren {
  RegionId first = kNoRegion;  // one of them, if there is any
  bool several = false;
};

// For each container, its enabled subregions by address and stacking order: rendering finds those
// that lie in a window without looking at the others.
//
// Thread safety: none; one thread at a time.
//
// Invariants, when every changed region was synced: exactly the enabled regions with a parent are
// in the index. An empty region is in it as if it had one byte, so that none needs a special case.
class ChildIndex {
 public:
  // REQUIRES: `regions` lives as long.
  explicit ChildIndex(const RegionTable& regions) : regions_(regions) {}

  // Brings the place of region `id`, which may be gone, in step with its row.
  void Sync(RegionId id);

  // The container in whose tree the region is; kNoRegion if it has none or isn't enabled.
  RegionId ContainerOf(RegionId id) const { return forest_.OwnerOf(id); }
  bool HasChildren(RegionId id) const { return forest_.TreeOf(id) != nullptr; }
  EnabledChildren ChildrenOf(RegionId id) const;

  const IntervalForest& forest() const { return forest_; }

 private:
  void SyncLeaf(RegionId id);
  Interval Describe(RegionId id, const Region& region) const;

  const RegionTable& regions_;
  IntervalForest forest_;
};

// The range of `size` bytes at `first` as an interval: what reaches beyond 2^64 is cut off, and
// nothing counts as one byte.
AddressRange IntervalRange(uint64_t first, const Region& region);

}  // namespace flatview::engine
