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
  levels_.push_back({.candidates = candidates_.size(),
                     .base = base,
                     .part = part,
                     .is_listed = true,
                     .next = candidates_.size()});
  const Tree tree = children_.forest().TreeOf(container);
  if (List(tree)) return;
  candidates_.resize(levels_.back().candidates);
  levels_.back().is_listed = false;
  AddTree(tree, part.first);
}

RegionId IndexedSubregions::Next() {
  const RegionId next = levels_.back().is_listed ? NextListed() : NextHighest();
  if (next != kNoRegion) return next;
  candidates_.resize(levels_.back().candidates);
  levels_.pop_back();
  return kNoRegion;
}

RegionId IndexedSubregions::NextListed() {
  Level& level = levels_.back();
  return level.next < candidates_.size() ? candidates_[level.next++].tree : kNoRegion;
}

RegionId IndexedSubregions::NextHighest() {
  while (candidates_.size() > levels_.back().candidates) {
    const Candidate candidate = TakeHighest();
    if (candidate.is_tree && !Open(candidate)) continue;
    const Interval& interval = children_.forest().IntervalOf(candidate.tree);
    const bool shows = !interval.is_leaf || IsVisible(interval.range.first, interval.range.last);
    if (shows) return candidate.tree;
  }
  return kNoRegion;
}

// Lists all subregions in the part that can be seen. Gives up and returns false where more than a
// few of them, and more than half, lie over others or are hidden.
bool IndexedSubregions::List(Tree tree) {
  constexpr size_t kFew = 16;
  const Level level = levels_.back();
  const bool all_open = open_.Contains(Outside(level.part));
  size_t stack = level.candidates;  // where those begin that overlap with the last one
  size_t apart = 0;
  size_t others = 0;
  uint64_t reach = 0;
  const auto add = [&](RegionId id, const Interval& interval) {
    const bool is_hidden =
        !all_open && interval.is_leaf && !IsVisible(interval.range.first, interval.range.last);
    const bool is_apart = apart == 0 || interval.range.first > reach;
    if (is_hidden || !is_apart) {
      if (++others > apart + kFew) return false;
      if (is_hidden) return true;
    } else {
      ++apart;
      StackOverlapping(stack, candidates_.size());
      stack = candidates_.size();
    }
    reach = std::max(reach, interval.range.last);
    candidates_.push_back({interval.key, id, false, interval.range.first});
    return true;
  };
  if (!children_.forest().ForEachWhile(tree, level.part, add)) return false;
  StackOverlapping(stack, candidates_.size());
  return true;
}

// Has the highest one come first.
void IndexedSubregions::StackOverlapping(size_t begin, size_t end) {
  if (end - begin < 2) return;
  const auto at = [this](size_t index) {
    return candidates_.begin() + static_cast<std::ptrdiff_t>(index);
  };
  std::sort(at(begin), at(end), [](const Candidate& a, const Candidate& b) { return b < a; });
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
  const auto seen = Clip(first, last, levels_.back().part);
  return seen && open_.Intersects(Outside(*seen));
}

// Where a range of the innermost container's own bytes is shown.
AddressRange IndexedSubregions::Outside(const AddressRange& range) const {
  const Int128 base = levels_.back().base;
  return {static_cast<uint64_t>(base + range.first), static_cast<uint64_t>(base + range.last)};
}

}  // namespace flatview::engine
