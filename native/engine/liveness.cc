#include "engine/liveness.h"

namespace flatview::engine {
namespace {

// Where a region lies in its container, and below what, plays no part in what holds it.
bool OnlyMoves(const Region& before, const Region& after) {
  return before.parent == after.parent && before.flags == after.flags &&
         before.target == after.target && before.alias_offset == after.alias_offset &&
         before.size == after.size;
}

}  // namespace

bool Liveness::IsViewRoot(RegionId id) const {
  const Life* const life = lives_.Find(id);
  return life != nullptr && life->is_view_root;
}

// What is held anew is held before anything is released: what only moves stays live.
void Liveness::Update(std::span<const RegionTable::Change> changes,
                      std::span<const RegionId> new_roots, std::span<const RegionId> old_roots) {
  for (const RegionId root : new_roots) {
    Hold(root);
    lives_[root].is_view_root = true;
  }
  for (const RegionTable::Change& change : changes) {
    const Region* const region = regions_.Find(change.id);
    if (change.existed && region != nullptr && OnlyMoves(change.before, *region)) continue;
    FollowContainer(change.id);
    FollowTarget(change.id);
    // The first subregion of one can have come, or the last one of the other have gone.
    FollowContainer(children_.ContainerOf(change.id));
    if (change.existed) FollowContainer(change.before.parent);
  }
  WakeAll();
  for (const RegionId root : old_roots) {
    lives_[root].is_view_root = false;
    released_.push_back(root);
  }
  ReleaseAll();
}

void Liveness::Hold(RegionId id) {
  if (lives_.Use(id).holders++ == 0) woken_.push_back(id);
}

// Has the region held by the container that it is enabled in, if that is live and the region can
// pass that on, and by no other.
void Liveness::FollowContainer(RegionId id) {
  const RegionId container = children_.ContainerOf(id);
  const bool passes_on = container != kNoRegion && !children_.forest().IsLeaf(id);
  const RegionId after = passes_on && IsHeld(container) ? container : kNoRegion;
  const Life* const life = lives_.Find(id);
  const RegionId before = life != nullptr ? life->container : kNoRegion;
  if (before == after) return;
  if (after != kNoRegion) Hold(id);
  lives_[id].container = after;
  if (before != kNoRegion) released_.push_back(id);
}

// Has a live alias hold its target, and the target find it.
void Liveness::FollowTarget(RegionId id) {
  const Region* const region = regions_.Find(id);
  const bool shows = region != nullptr && region->Has(region_flag::kEnabled) && IsHeld(id);
  const RegionId before = aliases_.OwnerOf(id);
  const RegionId after = shows ? region->target : kNoRegion;
  Interval window;
  if (after != kNoRegion) {
    window = {.range = IntervalRange(region->alias_offset, *region), .key = {0, 0, id}};
  }
  if (before == after && (after == kNoRegion || aliases_.IntervalOf(id) == window)) return;
  if (before != after && after != kNoRegion) Hold(after);
  if (before != kNoRegion) aliases_.Erase(id);
  if (after != kNoRegion) aliases_.Insert(after, id, window);
  if (before != after && before != kNoRegion) released_.push_back(before);
}

void Liveness::WakeAll() {
  while (!woken_.empty()) {
    const RegionId id = woken_.back();
    woken_.pop_back();
    FollowTarget(id);
    IntervalForest::ForEachInner(children_.forest().TreeOf(id),
                                 [this](RegionId child) { FollowContainer(child); });
  }
}

void Liveness::ReleaseAll() {
  while (!released_.empty()) {
    const RegionId id = released_.back();
    released_.pop_back();
    if (--lives_[id].holders != 0) continue;
    lives_.Drop(id);
    FollowTarget(id);
    IntervalForest::ForEachInner(children_.forest().TreeOf(id),
                                 [this](RegionId child) { FollowContainer(child); });
  }
}

}  // namespace flatview::engine
