#include "engine/render.h"

#include <algorithm>
#include <tuple>

namespace flatview::engine {
namespace {

// Takes `cost` from what is left, as far as there is any.
bool Spend(uint64_t& left, uint64_t cost) {
  const bool enough = cost <= left;
  left -= enough ? cost : left;
  return enough;
}

// What a region hands down to all that is shown through it.
uint32_t Inheritable(const Region& region) {
  return (region.Has(region_flag::kReadonly) ? range_attribute::kReadonly : 0) |
         (region.Has(region_flag::kNonvolatile) ? range_attribute::kNonvolatile : 0) |
         (region.Has(region_flag::kUnmergeable) ? range_attribute::kUnmergeable : 0);
}

uint32_t OwnAttributes(const Region& region) {
  static_assert(region_flag::kDirtyLogMaskShift > range_attribute::kDirtyLogMaskShift);
  const uint32_t mask = (region.flags & region_flag::kDirtyLogMask) >>
                        (region_flag::kDirtyLogMaskShift - range_attribute::kDirtyLogMaskShift);
  return mask | (region.Has(region_flag::kRomd) ? range_attribute::kRomd : 0);
}

// Among siblings. A total order, so that a view depends on the regions alone.
bool HasPrecedence(const RegionNode* a, const RegionNode* b) {
  return std::tie(a->region.priority, a->region.sequence, a->id) >
         std::tie(b->region.priority, b->region.sequence, b->id);
}

}  // namespace

Status Renderer::Render(RegionId root, const AddressRange& window, RenderBudget& budget,
                        std::vector<FlatRange>& view) {
  path_.clear();
  queue_.clear();
  paints_.clear();
  Status status = Enter(*regions_.Find(root), {0, window, 0}, budget);
  while (status.ok() && !path_.empty()) status = Advance(budget);
  if (status.refusal == Refusal::kTooMuchWork) status.subject = root;
  if (status.ok()) overlaps_.Resolve(paints_, view);
  return status;
}

// Comes to a region where it is shown through `outer`: paints it, or goes into it.
Status Renderer::Enter(const RegionNode& node, const Place& outer, RenderBudget& budget) {
  const Region& region = node.region;
  if (!Spend(budget.visits, 1)) return {Refusal::kTooMuchWork};
  if (!region.Has(region_flag::kEnabled) || region.is_empty()) return {};
  const Int128 base = outer.base + region.address;
  const auto clip = Clip(base, base + region.last_offset(), outer.clip);
  if (!clip) return {};
  const Place place = {base, *clip, outer.inherited | Inheritable(region)};
  const bool is_leaf = !region.is_alias() && node.subregions.empty();
  return is_leaf ? Paint(node, place, budget) : Push(node, place, budget);
}

Status Renderer::Push(const RegionNode& node, const Place& place, RenderBudget& budget) {
  if (path_.size() == kMaxDepth) return TooDeep(node.id);
  Level level = {&node, place, queue_.size(), queue_.size(), kNoAlias};
  if (!path_.empty()) {
    const Level& outer = path_.back();
    level.outer_alias = outer.node->region.is_alias() ? path_.size() - 1 : outer.outer_alias;
  }
  if (node.region.is_alias()) {
    if (IsEndless(level, budget)) return {Refusal::kEndlessAlias, node.id};
    queue_.push_back(regions_.Find(node.region.target));
  } else {
    Enqueue(node, place);
  }
  path_.push_back(level);
  return {};
}

// Puts all that can be seen of a region's inside into the queue. Where subregions overlap, those of
// higher precedence come first; those that don't are left in the order of their addresses, so that
// most paints need no sorting.
void Renderer::Enqueue(const RegionNode& node, const Place& place) {
  const AddressRange window = {static_cast<uint64_t>(place.clip.first - place.base),
                               static_cast<uint64_t>(place.clip.last - place.base)};
  size_t cluster = queue_.size();  // of subregions that overlap, each with one before it
  uint64_t reach = 0;
  const auto sort_cluster = [&] {
    const auto begin = queue_.begin() + static_cast<ptrdiff_t>(cluster);
    if (queue_.end() - begin > 1) std::sort(begin, queue_.end(), HasPrecedence);
    cluster = queue_.size();
  };
  node.subregions.ForEach(window, [&](const RegionNode& child) {
    if (child.region.address > reach) sort_cluster();
    reach = std::max(reach, LastInParent(child.region));
    queue_.push_back(&child);
  });
  sort_cluster();
}

// Goes on inside the innermost region: to the next one in it, or out of it.
Status Renderer::Advance(RenderBudget& budget) {
  Level& level = path_.back();
  const RegionNode& node = *level.node;
  Place place = level.place;
  if (level.queue_next == queue_.size()) {
    queue_.resize(level.queue_begin);
    path_.pop_back();
    return node.region.is_alias() ? Status{} : Paint(node, place, budget);
  }
  const RegionNode& next = *queue_[level.queue_next++];
  if (node.region.is_alias()) {
    // The target is shown from its own first byte: where its container has it plays no part.
    place.base -= next.region.address;
    place.base -= node.region.alias_offset;
  }
  return Enter(next, place, budget);
}

// A cycle of aliases is legal: clipping ends it, when nothing is left to see. But where an alias
// comes back inside itself to the same place, and as much of it can be seen as before, it never
// ends.
bool Renderer::IsEndless(const Level& alias, RenderBudget& budget) const {
  for (size_t outer = alias.outer_alias; outer != kNoAlias; outer = path_[outer].outer_alias) {
    const Level& level = path_[outer];
    // Many deep aliases, each compared with all it is in, are work, too. That it runs out is
    // noticed at the next visit.
    Spend(budget.visits, 1);
    if (level.node == alias.node && level.place.base == alias.place.base &&
        level.place.clip == alias.place.clip) {
      return true;
    }
  }
  return false;
}

// The path is full. If it passes through some alias twice, each round moves the base or narrows the
// clip so little that it would take for ever; the innermost such alias is at fault.
Status Renderer::TooDeep(RegionId id) const {
  for (auto level = path_.rbegin(); level != path_.rend(); ++level) {
    const auto is_same = [level](const Level& outer) { return outer.node == level->node; };
    if (level->node->region.is_alias() && std::any_of(level + 1, path_.rend(), is_same)) {
      return {Refusal::kEndlessAlias, level->node->id};
    }
  }
  return {Refusal::kTooDeep, id};
}

Status Renderer::Paint(const RegionNode& node, const Place& place, RenderBudget& budget) {
  if (!node.region.Has(region_flag::kTerminates)) return {};
  if (!Spend(budget.paints, 1)) return {Refusal::kTooMuchWork};
  paints_.push_back({.first = place.clip.first,
                     .last = place.clip.last,
                     .offset = static_cast<uint64_t>(place.clip.first - place.base),
                     .region = node.id,
                     .attributes = place.inherited | OwnAttributes(node.region)});
  return {};
}

}  // namespace flatview::engine
