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
    if (steps_.empty()) break;
    Recheck(change.id);
    if (const Region* const region = regions_.Find(change.id)) Recheck(region->parent);
    if (change.existed) Recheck(change.before.parent);
    ForEachOf(aliases_, change.id, [this](RegionId alias) { Recheck(alias); });
  }
  for (const AddressSpaceTable::Change& change : spaces) lost_.push_back(change.id);
  std::sort(lost_.begin(), lost_.end());
  lost_.erase(std::unique(lost_.begin(), lost_.end()), lost_.end());
  for (const AddressSpaceId space : lost_) Resolve(space);
}

// Takes the step at `id` again, if it is on any way.
void ViewRootIndex::Recheck(RegionId id) {
  const auto found = steps_.find(id);
  if (found == steps_.end() || regions_.Find(id) == nullptr) return;
  Step& step = found->second;
  const RegionId before = step.next;
  aliases_.erase({step.target, id});
  Take(id, step);
  if (step.next == before) return;
  ForEachOf(through_, id, [this](AddressSpaceId space) { lost_.push_back(space); });
}

void ViewRootIndex::Take(RegionId id, Step& step) {
  step.next = StepToViewRoot(regions_, id, children_.ChildrenOf(id));
  step.target = regions_.Find(id)->target;
  if (step.target != kNoRegion) aliases_.insert({step.target, id});
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
  Step& step = steps_[id];
  if (step.ways++ == 0) Take(id, step);
  return step.next;
}

void ViewRootIndex::Leave(RegionId id, AddressSpaceId space) {
  through_.erase({id, space});
  const auto found = steps_.find(id);
  if (--found->second.ways != 0) return;
  aliases_.erase({found->second.target, id});
  steps_.erase(found);
}

}  // namespace flatview::engine
