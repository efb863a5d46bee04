#include "engine/child_index.h"

namespace flatview::engine {

AddressRange IntervalRange(uint64_t first, const Region& region) {
  const uint64_t last_offset = region.is_empty() ? 0 : region.last_offset();
  return {first, last_offset > kLastAddress - first ? kLastAddress : first + last_offset};
}

Interval ChildIndex::Describe(RegionId id, const Region& region) const {
  return {.range = IntervalRange(region.address, region),
          .key = {region.priority, region.sequence, id},
          .is_leaf = !region.is_alias() && !HasChildren(id)};
}

void ChildIndex::Sync(RegionId id) {
  const Region* const region = regions_.Find(id);
  const bool shows = region != nullptr && region->Has(region_flag::kEnabled);
  const RegionId before = ContainerOf(id);
  const RegionId after = shows ? region->parent : kNoRegion;
  if (before == after) {
    if (after != kNoRegion) forest_.Change(id, Describe(id, *region));
    return;
  }
  if (before != kNoRegion) forest_.Erase(id);
  if (after != kNoRegion) forest_.Insert(after, id, Describe(id, *region));
  SyncLeaf(before);
  SyncLeaf(after);
}

// Has the place of a container, if it has one, say whether something lies in it.
void ChildIndex::SyncLeaf(RegionId id) {
  const Region* const region = regions_.Find(id);
  if (ContainerOf(id) == kNoRegion || region == nullptr) return;
  const Interval interval = Describe(id, *region);
  if (interval.is_leaf != forest_.IsLeaf(id)) forest_.Change(id, interval);
}

EnabledChildren ChildIndex::ChildrenOf(RegionId id) const {
  const IntervalForest::Node* const tree = forest_.TreeOf(id);
  if (tree == nullptr) return {};
  return {tree->At(0).id, tree->height != 0 || tree->count > 1};
}

}  // namespace flatview::engine
