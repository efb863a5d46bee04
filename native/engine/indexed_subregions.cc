#include "engine/indexed_subregions.h"

#include <algorithm>

namespace flatview::engine {

void IndexedSubregions::Start(const AddressRange& window) {
  open_.Reset(window);
  levels_.clear();
  candidates_.clear();
}

void IndexedSubregions::Enter(RegionId container, Int128 base, const AddressRange& clip) {
  const AddressRange part = {static_cast<uint64_t>(clip.first - base),
                             static_cast<uint64_t>(clip.last - base)};
  levels_.push_back({candidates_.size(), base, part});
  AddTree(children_.forest().TreeOf(container), part.first);
}

RegionId IndexedSubregions::Next() {
  while (candidates_.size() > levels_.back().candidates) {
    const Candidate candidate = TakeHighest();
    if (candidate.is_tree && !Open(candidate)) continue;
    const Interval& interval = children_.forest().IntervalOf(candidate.tree);
    const bool shows = !interval.is_leaf || IsVisible(interval.range.first, interval.range.last);
    if (shows) return candidate.tree;
  }
  levels_.pop_back();
  return kNoRegion;
}

// Replaces a tree by its parts. Returns whether its topmost node is the next subregion.
bool IndexedSubregions::Open(const Candidate& tree) {
  const IntervalForest::Node& node = children_.forest().At(tree.tree);
  if (node.all_leaves && !IsVisible(tree.first, node.max_last)) return false;
  const AddressRange& range = node.interval.range;
  AddTree(node.left, tree.first);
  AddTree(node.right, std::max(tree.first, range.first));
  const AddressRange& part = levels_.back().part;
  if (range.first > part.last || range.last < part.first) return false;
  if (node.highest == node.interval.key) return true;
  Add({node.interval.key, tree.tree, false, range.first});
  return false;
}

// Adds a tree without those at its top that lie above what can be seen.
void IndexedSubregions::AddTree(Tree tree, uint64_t first) {
  const AddressRange& part = levels_.back().part;
  while (tree != kNoRegion) {
    const IntervalForest::Node& node = children_.forest().At(tree);
    if (node.max_last < part.first) return;
    if (node.interval.range.first <= part.last) return Add({node.highest, tree, true, first});
    tree = node.left;
  }
}

void IndexedSubregions::Add(const Candidate& candidate) {
  candidates_.push_back(candidate);
  const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(levels_.back().candidates);
  std::push_heap(begin, candidates_.end());
}

IndexedSubregions::Candidate IndexedSubregions::TakeHighest() {
  const auto begin = candidates_.begin() + static_cast<std::ptrdiff_t>(levels_.back().candidates);
  std::pop_heap(begin, candidates_.end());
  const Candidate highest = candidates_.back();
  candidates_.pop_back();
  return highest;
}

// Whether something may show between these bytes of the innermost container.
bool IndexedSubregions::IsVisible(uint64_t first, uint64_t last) const {
  const Level& level = levels_.back();
  const auto seen = Clip(first, last, level.part);
  return seen && open_.Intersects({static_cast<uint64_t>(level.base + seen->first),
                                   static_cast<uint64_t>(level.base + seen->last)});
}

}  // namespace flatview::engine
