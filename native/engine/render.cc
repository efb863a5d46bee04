#include "engine/render.h"

#include <algorithm>

namespace flatview::engine {
namespace {

static_assert(region_flag::kDirtyLogMaskShift >= range_attribute::kDirtyLogMaskShift);

// The attributes that a region hands down to all that is shown through it, and its own.
uint32_t Inheritable(const Region& region) {
  using namespace range_attribute;
  return (region.Has(region_flag::kReadonly) ? kReadonly : 0) |
         (region.Has(region_flag::kNonvolatile) ? kNonvolatile : 0) |
         (region.Has(region_flag::kUnmergeable) ? kUnmergeable : 0);
}

uint32_t OwnAttributes(const Region& region) {
  const uint32_t mask = (region.flags & region_flag::kDirtyLogMask) >>
                        (region_flag::kDirtyLogMaskShift - range_attribute::kDirtyLogMaskShift);
  return mask | (region.Has(region_flag::kRomd) ? range_attribute::kRomd : 0);
}

}  // namespace

Status Renderer::Render(const RegionTable& regions, RegionId root, const AddressRange& window,
                        uint64_t& visits, std::vector<FlatRange>& view) {
  paints_.clear();
  path_.clear();
  const auto visit = [&](auto step) {
    if (visits == 0) return Status{Refusal::kTooMuchWork, root};
    --visits;
    return step();
  };
  Status status =
      visit([&] { return Enter(regions, root, {.base = 0, .clip = window, .inherited = 0}); });
  while (status.ok() && !path_.empty()) {
    status = visit([&] { return Advance(regions, path_.back()); });
  }
  if (status.ok()) overlaps_.Resolve(paints_, view);
  return status;
}

// Comes to region `id` where it is shown through `outer`, and pushes it on the path if it has
// anything inside.
Status Renderer::Enter(const RegionTable& regions, RegionId id, const Place& outer) {
  const Region& region = *regions.Find(id);
  if (!region.Has(region_flag::kEnabled) || region.is_empty()) return {};
  const Int128 base = outer.base + region.address;
  const auto clip = Clip(base, base + region.last_offset(), outer.clip);
  if (!clip) return {};
  const Place place = {base, *clip, outer.inherited | Inheritable(region)};
  if (!region.is_alias() && regions.Subregions(id).empty()) {
    Paint(id, region, place);
    return {};
  }
  if (path_.size() == kMaxDepth) return TooDeep(id);
  path_.push_back({.id = id, .visited = 0, .region = &region, .place = place});
  return {};
}

// Goes on inside the innermost region: to its next subregion, or out of it.
Status Renderer::Advance(const RegionTable& regions, Level& level) {
  if (level.region->is_alias()) {
    if (level.visited++ == 0) return EnterTarget(regions, level);
  } else {
    const auto subregions = regions.Subregions(level.id);
    if (level.visited < subregions.size()) {
      const RegionId next = subregions[subregions.size() - ++level.visited];
      return Enter(regions, next, Place{level.place});
    }
    Paint(level.id, *level.region, level.place);
  }
  path_.pop_back();
  return {};
}

Status Renderer::EnterTarget(const RegionTable& regions, Level& level) {
  const RegionId alias = level.id;
  const RegionId target = level.region->target;
  Place place = level.place;
  // The target is shown by its own bytes: where its container has it plays no part.
  place.base -= regions.Find(target)->address;
  place.base -= level.region->alias_offset;
  const size_t depth = path_.size();
  const Status status = Enter(regions, target, place);
  if (!status.ok() || path_.size() == depth) return status;
  // A cycle of aliases ends when clipping leaves nothing. Where it comes back to the same place
  // with the same clip, it never will.
  const Level& entered = path_.back();
  const bool endless = std::any_of(path_.begin(), path_.end() - 1, [&entered](const Level& outer) {
    return outer.id == entered.id && outer.place.base == entered.place.base &&
           outer.place.clip == entered.place.clip;
  });
  return endless ? Status{Refusal::kEndlessAlias, alias} : status;
}

void Renderer::Paint(RegionId id, const Region& region, const Place& place) {
  if (!region.Has(region_flag::kTerminates)) return;
  paints_.push_back({.first = place.clip.first,
                     .last = place.clip.last,
                     .offset = static_cast<uint64_t>(place.clip.first - place.base),
                     .region = id,
                     .attributes = place.inherited | OwnAttributes(region)});
}

// The path is full. If it passes through some alias twice, each round shifts the base or narrows
// the clip by so little that it would take for ever; the innermost such alias is at fault.
Status Renderer::TooDeep(RegionId id) const {
  for (auto level = path_.rbegin(); level != path_.rend(); ++level) {
    const bool again = level->region->is_alias() &&
                       std::any_of(level + 1, path_.rend(),
                                   [level](const Level& outer) { return outer.id == level->id; });
    if (again) return {Refusal::kEndlessAlias, level->id};
  }
  return {Refusal::kTooDeep, id};
}

}  // namespace flatview::engine
