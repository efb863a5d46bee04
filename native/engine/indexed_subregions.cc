#include "engine/indexed_subregions.h"

#include <algorithm>

namespace flatview::engine {

void IndexedSubregions::Start(const AddressRange& window) {
  open_.Reset(window);
  levels_.clear();
  listed_.clear();
  candidates_.clear();
}

void IndexedSubregions::Enter(RegionId container, Int128 base, const AddressRange& clip) {
  const AddressRange part = {static_cast<uint64_t>(clip.first - base),
                             static_cast<uint64_t>(clip.last - base)};
  levels_.push_back({.base = base,
                     .part = part,
                     .is_listed = true,
                     .next = listed_.size(),
                     .listed = listed_.size(),
                     .candidates = candidates_.size()});
  const Tree* const tree = children_.forest().TreeOf(container);
  if (tree == nullptr || List(tree)) return;
  listed_.resize(levels_.back().listed);
  levels_.back().is_listed = false;
  AddAll(*tree);
}

RegionId IndexedSubregions::Next() {
  const Level& level = levels_.back();
  const RegionId next = level.is_listed ? NextListed() : NextHighest();
  if (next != kNoRegion) return next;
  listed_.resize(level.listed);
  levels_.pop_back();
  return kNoRegion;
}

RegionId IndexedSubregions::NextListed() {
  Level& level = levels_.back();
  return level.next < listed_.size() ? listed_[level.next++].id : kNoRegion;
}

RegionId IndexedSubregions::NextHighest() {
  while (candidates_.size() > levels_.back().candidates) {
    const auto [item, tree] = TakeHighest();
    if (!CanShow(item)) continue;
    if (tree == nullptr) return item.id;
    AddAll(*tree);
  }
  return kNoRegion;
}

// Lists all subregions in the part that can be seen. Gives up and returns false where more than a
// few of them, and more than half, lie over others or are hidden.
bool IndexedSubregions::List(const Tree* tree) {
  constexpr size_t kFew = 16;
  const Level level = levels_.back();
  const bool all_open = open_.Contains(Outside(level.part));
  size_t stack = level.listed;  // where those begin that overlap with the last one
  size_t apart = 0;
  size_t others = 0;
  uint64_t reach = 0;
  const auto add = [&](RegionId id, const Interval& interval) {
    const bool is_hidden = !all_open && interval.is_leaf && !IsVisible(interval.range);
    const bool is_apart = apart == 0 || interval.range.first > reach;
    if (is_hidden || !is_apart) {
      if (++others > apart + kFew) return false;
      if (is_hidden) return true;
    } else {
      ++apart;
      StackOverlapping(stack, listed_.size());
      stack = listed_.size();
    }
    reach = std::max(reach, interval.range.last);
    listed_.push_back({interval.key, id});
    return true;
  };
  if (!IntervalForest::ForEachWhile(tree, level.part, add)) return false;
  StackOverlapping(stack, listed_.size());
  return true;
}

// Has the highest one come first.
void IndexedSubregions::StackOverlapping(size_t begin, size_t end) {
  if (end - begin < 2) return;
  const auto at = [this](size_t index) {
    return listed_.begin() + static_cast<std::ptrdiff_t>(index);
  };
  std::sort(at(begin), at(end), [](const Listed& a, const Listed& b) { return b.key < a.key; });
}

// Adds what a tree consists of, as far as it can show.
void IndexedSubregions::AddAll(const Tree& tree) {
  const auto begin = static_cast<std::ptrdiff_t>(levels_.back().candidates);
  for (size_t i = 0; i < tree.count; ++i) {
    const Item item = tree.At(i);
    if (!CanShow(item)) continue;
    candidates_.push_back({item, tree.height != 0 ? &tree.Child(i) : nullptr});
    std::push_heap(candidates_.begin() + begin, candidates_.end());
  }
}

IndexedSubregions::Candidate IndexedSubregions::TakeHighest() {
  const auto begin = static_cast<std::ptrdiff_t>(levels_.back().candidates);
  std::pop_heap(candidates_.begin() + begin, candidates_.end());
  const Candidate highest = candidates_.back();
  candidates_.pop_back();
  return highest;
}

// Whether something lies in the part of the innermost container that can be seen, and isn't hidden.
bool IndexedSubregions::CanShow(const Item& item) const {
  const auto& [range, key, is_leaf] = item.interval;
  const AddressRange& part = levels_.back().part;
  if (range.first > part.last || range.last < part.first) return false;
  return !is_leaf || IsVisible(range);
}

// Whether something may show between these bytes of the innermost container.
bool IndexedSubregions::IsVisible(const AddressRange& range) const {
  const auto seen = Clip(range.first, range.last, levels_.back().part);
  return seen && open_.Intersects(Outside(*seen));
}

// Where a range of the innermost container's own bytes is shown.
AddressRange IndexedSubregions::Outside(const AddressRange& range) const {
  const Int128 base = levels_.back().base;
  return {static_cast<uint64_t>(base + range.first), static_cast<uint64_t>(base + range.last)};
}

}  // namespace flatview::engine
