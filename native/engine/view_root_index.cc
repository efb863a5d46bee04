#include "engine/view_root_index.h"

#include <algorithm>

#include "engine/view_root.h"

namespace flatview::engine {
namespace {

// Calls `visit(second)` for all pairs with this first. The visit may take that pair out.
template <typename Set, typename Visit>
void ForEachOf(const Set& pairs, RegionId first, Visit visit) {
  for (auto it = pairs.lower_bound({first, 0}); it != pairs.end() && it->first == first;) {
    const auto second = it->second;
    ++it;
    visit(second);
  }
}

}  // namespace

void ViewRootIndex::Update(std::span<const RegionTable::Change> regions,
                           std::span<const AddressSpaceTable::Change> spaces) {
  moves_.clear();
  lost_.clear();
  for (const RegionTable::Change& change : regions) {
    const Region* const region = regions_.Find(change.id);
    const RegionId parent = region != nullptr ? region->parent : kNoRegion;
    Recheck(change.id);
    Recheck(parent);
    if (change.existed && change.before.parent != parent) Recheck(change.before.parent);
    ForEachOf(aliases_, change.id, [this](RegionId alias) { Recheck(alias); });
  }
  for (const AddressSpaceTable::Change& change : spaces) lost_.push_back(change.id);
  std::sort(lost_.begin(), lost_.end());
  lost_.erase(std::unique(lost_.begin(), lost_.end()), lost_.end());
  for (const AddressSpaceId space : lost_) Resolve(space);
}

// Takes the step at `id` again, if it is on any way.
void ViewRootIndex::Recheck(RegionId id) {
  Step* const step = steps_.Find(id);
  if (step == nullptr || regions_.Find(id) == nullptr) return;
  const RegionId before = step->next;
  Take(id, *step);
  if (step->next == before) return;
  ForEachOf(through_, id, [this](AddressSpaceId space) { lost_.push_back(space); });
}

void ViewRootIndex::Take(RegionId id, Step& step) {
  step.next = StepToViewRoot(regions_, id, children_.ChildrenOf(id));
  Depend(id, step, regions_.Find(id)->target);
}

// Has the step depend on this target and no other.
void ViewRootIndex::Depend(RegionId id, Step& step, RegionId target) {
  if (step.target == target) return;
  if (step.target != kNoRegion) aliases_.erase({step.target, id});
  if (target != kNoRegion) aliases_.insert({target, id});
  step.target = target;
}

void ViewRootIndex::Resolve(AddressSpaceId id) {
  const AddressSpace* const space = spaces_.Find(id);
  Way& way = ways_[id];
  const RegionId before = way.view_root;
  for (const RegionId region : way.regions) Leave(region, id);
  way.regions.clear();

  RegionId at = space != nullptr ? space->root : kNoRegion;
  for (uint32_t taken = 0; at != kNoRegion && taken < kMaxViewRootSteps; ++taken) {
    if (through_.contains({at, id})) break;  // a cycle
    const RegionId next = Enter(at, id);
    way.regions.push_back(at);
    if (next == at) break;
    at = next;
  }
  way.view_root = at;
  if (at != before) moves_.push_back({id, before, at});
  if (at == kNoRegion && way.regions.empty()) ways_.erase(id);
}

RegionId ViewRootIndex::Enter(RegionId id, AddressSpaceId space) {
  through_.insert({id, space});
  Step& step = steps_.Use(id);
  if (step.ways++ == 0) Take(id, step);
  return step.next;
}

void ViewRootIndex::Leave(RegionId id, AddressSpaceId space) {
  through_.erase({id, space});
  Step& step = steps_[id];
  if (--step.ways != 0) return;
  Depend(id, step, kNoRegion);
  steps_.Drop(id);
}

}  // namespace flatview::engine
