#include "engine/overlap.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace flatview::engine {
namespace {

// Appends the part of `paint` from `first` to `last`, merging it with what comes before.
void Append(const FlatRange& paint, uint64_t first, uint64_t last, std::vector<FlatRange>& view) {
  FlatRange range = paint;
  range.first = first;
  range.last = last;
  range.offset += first - paint.first;
  if (!view.empty() && CanMerge(view.back(), range)) {
    view.back().last = last;
  } else {
    view.push_back(range);
  }
}

}  // namespace

void OverlapResolver::SortByFirst(std::span<const FlatRange> paints) {
  by_first_.resize(paints.size());
  std::iota(by_first_.begin(), by_first_.end(), 0u);
  const auto before = [paints](uint32_t a, uint32_t b) {
    return paints[a].first < paints[b].first;
  };
  if (!std::is_sorted(by_first_.begin(), by_first_.end(), before)) {
    std::sort(by_first_.begin(), by_first_.end(), before);
  }
}

void OverlapResolver::Resolve(std::span<const FlatRange> paints, std::vector<FlatRange>& view) {
  SortByFirst(paints);
  active_.clear();
  const auto activate = [this](uint32_t paint) {
    active_.push_back(paint);
    std::push_heap(active_.begin(), active_.end(), std::greater<>());
  };
  const auto begins_by = [&](size_t next, uint64_t address) {
    return next < by_first_.size() && paints[by_first_[next]].first <= address;
  };

  uint64_t position = 0;
  for (size_t next = 0; next < by_first_.size() || !active_.empty();) {
    if (active_.empty()) position = paints[by_first_[next]].first;
    while (begins_by(next, position)) activate(by_first_[next++]);
    const uint32_t winner = active_.front();
    if (paints[winner].last < position) {
      std::pop_heap(active_.begin(), active_.end(), std::greater<>());
      active_.pop_back();
      continue;
    }
    // It shows up to its end, or to where a paint that precedes it begins.
    uint64_t last = paints[winner].last;
    while (begins_by(next, last)) {
      const uint32_t rival = by_first_[next];
      if (rival < winner) {
        last = paints[rival].first - 1;
        break;
      }
      if (paints[rival].last > last) activate(rival);
      ++next;
    }
    Append(paints[winner], position, last, view);
    if (last == UINT64_MAX) break;
    position = last + 1;
  }
}

}  // namespace flatview::engine
