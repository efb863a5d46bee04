#include "engine/child_index.h"

namespace flatview::engine {

AddressRange IntervalRange(uint64_t first, const Region& region) {
  const uint64_t last_offset = region.is_empty() ? 0 : region.last_offset();
  return {first, last_offset > kLastAddress - first ? kLastAddress : first + last_offset};
}

Interval ChildIndex::Describe(RegionId id, const Region& region) const {
  return {.range = IntervalRange(region.address, region),
          .key = {.sequence = region.sequence, .priority = region.priority, .id = id},
          .is_leaf = !region.is_alias() && !HasChildren(id)};
}

void ChildIndex::Sync(RegionId id) {
  const Region* const region = regions_.Find(id);
  const bool shows = region != nullptr && region->Has(region_flag::kEnabled);
  const RegionId before = ContainerOf(id);
  const RegionId after = shows ? region->parent : kNoRegion;
  const Interval interval = after != kNoRegion ? Describe(id, *region) : Interval{};
  if (before == after && (after == kNoRegion || forest_.IntervalOf(id) == interval)) return;
  if (before != kNoRegion) forest_.Erase(id);
  if (after != kNoRegion) forest_.Insert(after, id, interval);
  SyncLeaf(before);
  SyncLeaf(after);
}

// Has the place of a container, if it has one, say whether something lies in it.
void ChildIndex::SyncLeaf(RegionId id) {
  const RegionId container = ContainerOf(id);
  const Region* const region = regions_.Find(id);
  if (container == kNoRegion || region == nullptr) return;
  Interval interval = forest_.IntervalOf(id);
  const bool was_leaf = interval.is_leaf;
  interval.is_leaf = !region->is_alias() && !HasChildren(id);
  if (was_leaf == interval.is_leaf) return;
  forest_.Erase(id);
  forest_.Insert(container, id, interval);
}

EnabledChildren ChildIndex::ChildrenOf(RegionId id) const {
  const IntervalForest::Tree tree = forest_.TreeOf(id);
  if (tree == kNoRegion) return {};
  const IntervalForest::Node& node = forest_.At(tree);
  return {tree, node.left != kNoRegion || node.right != kNoRegion};
}

}  // namespace flatview::engine
