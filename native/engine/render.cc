#include "engine/render.h"

#include <algorithm>

namespace flatview::engine {

template <typename Subregions>
Status Renderer<Subregions>::Render(RegionId root, const AddressRange& window, RenderBudget& budget,
                                    std::vector<FlatRange>& view) {
  path_.clear();
  paints_.clear();
  subregions_.Start(window);
  Status status = Enter(root, {.base = 0, .clip = window, .inherited = 0}, budget);
  while (status.ok() && !path_.empty()) status = Advance(budget);
  if (status.refusal == Refusal::kTooMuchWork) status.subject = root;
  if (status.ok()) overlaps_.Resolve(paints_, view);
  return status;
}

// Comes to region `id` where it is shown through `outer`: paints it, or goes into it.
template <typename Subregions>
Status Renderer<Subregions>::Enter(RegionId id, const Place& outer, RenderBudget& budget) {
  const Region& region = *regions_.Find(id);
  if (!Spend(budget.visits, 1)) return {Refusal::kTooMuchWork};
  if (!region.Has(region_flag::kEnabled) || region.is_empty()) return {};
  const Int128 base = outer.base + region.address;
  const auto clip = Clip(base, base + region.last_offset(), outer.clip);
  if (!clip) return {};
  const Place place = {base, *clip, outer.inherited | InheritedAttributes(region)};
  const bool is_leaf = !region.is_alias() && !subregions_.HasAny(id);
  return is_leaf ? Paint(id, region, place, budget) : Push(id, region, place, budget);
}

template <typename Subregions>
Status Renderer<Subregions>::Push(RegionId id, const Region& region, const Place& place,
                                  RenderBudget& budget) {
  if (path_.size() == kMaxDepth) return TooDeep(id);
  size_t outer_alias = kNoAlias;
  if (!path_.empty()) {
    const Level& outer = path_.back();
    outer_alias = outer.region->is_alias() ? path_.size() - 1 : outer.outer_alias;
  }
  const Level level = {id, false, &region, place, outer_alias};
  if (region.is_alias() && IsEndless(level, budget)) return {Refusal::kEndlessAlias, id};
  path_.push_back(level);
  if (!region.is_alias()) subregions_.Enter(id, place.base, place.clip);
  return {};
}

// Goes on inside the innermost region: to its next subregion, or out of it.
template <typename Subregions>
Status Renderer<Subregions>::Advance(RenderBudget& budget) {
  Level& level = path_.back();
  // The path can move when it grows.
  Place place = level.place;
  if (level.region->is_alias()) {
    if (!level.target_visited) {
      level.target_visited = true;
      // The target is shown from its own first byte: where its container has it plays no part.
      const RegionId target = level.region->target;
      place.base -= regions_.Find(target)->address;
      place.base -= level.region->alias_offset;
      return Enter(target, place, budget);
    }
    path_.pop_back();
    return {};
  }
  const RegionId subregion = subregions_.Next();
  if (subregion != kNoRegion) return Enter(subregion, place, budget);
  const Status status = Paint(level.id, *level.region, place, budget);
  path_.pop_back();
  return status;
}

// A cycle of aliases is legal: clipping ends it, when nothing is left to see. But where an alias
// comes back inside itself to the same place, and as much of it can be seen as before, it never
// ends.
template <typename Subregions>
bool Renderer<Subregions>::IsEndless(const Level& alias, RenderBudget& budget) const {
  for (size_t outer = alias.outer_alias; outer != kNoAlias; outer = path_[outer].outer_alias) {
    const Level& level = path_[outer];
    // Many deep aliases, each compared with all it is in, are work, too. That it runs out is
    // noticed at the next visit.
    Spend(budget.visits, 1);
    if (level.id == alias.id && level.place.base == alias.place.base &&
        level.place.clip == alias.place.clip) {
      return true;
    }
  }
  return false;
}

// The path is full. If it passes through some alias twice, each round moves the base or narrows the
// clip so little that it would take for ever; the innermost such alias is at fault.
template <typename Subregions>
Status Renderer<Subregions>::TooDeep(RegionId id) const {
  for (auto level = path_.rbegin(); level != path_.rend(); ++level) {
    const auto is_same = [level](const Level& outer) { return outer.id == level->id; };
    if (level->region->is_alias() && std::any_of(level + 1, path_.rend(), is_same)) {
      return {Refusal::kEndlessAlias, level->id};
    }
  }
  return {Refusal::kTooDeep, id};
}

template <typename Subregions>
Status Renderer<Subregions>::Paint(RegionId id, const Region& region, const Place& place,
                                   RenderBudget& budget) {
  if (!region.Has(region_flag::kTerminates)) return {};
  if (!Spend(budget.paints, 1)) return {Refusal::kTooMuchWork};
  subregions_.Hide(place.clip);
  paints_.push_back({.first = place.clip.first,
                     .last = place.clip.last,
                     .offset = static_cast<uint64_t>(place.clip.first - place.base),
                     .region = id,
                     .attributes = place.inherited | OwnAttributes(region)});
  return {};
}

template class Renderer<IndexedSubregions>;
template class Renderer<ListedSubregions>;

}  // namespace flatview::engine
