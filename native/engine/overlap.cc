#include "engine/overlap.h"

#include <algorithm>
#include <functional>

namespace flatview::engine {
namespace {

// Whether each begins behind the one before it.
bool AscendApart(std::span<const FlatRange> paints) {
  const auto reaches = [](const FlatRange& a, const FlatRange& b) { return a.last >= b.first; };
  return std::adjacent_find(paints.begin(), paints.end(), reaches) == paints.end();
}

}  // namespace

void OverlapResolver::Resolve(std::span<const FlatRange> paints, std::vector<FlatRange>& view) {
  if (AscendApart(paints)) {
    for (const FlatRange& paint : paints) AppendRange(paint, paint.first, paint.last, view);
    return;
  }
  SortStarts(paints);
  active_.clear();
  const auto begins_by = [this](size_t next, uint64_t address) {
    return next < starts_.size() && starts_[next].address <= address;
  };

  uint64_t position = 0;
  for (size_t next = 0; next < starts_.size() || !active_.empty();) {
    if (active_.empty()) position = starts_[next].address;
    while (begins_by(next, position)) Activate(starts_[next++].paint);
    const uint32_t winner = active_.front();
    if (paints[winner].last < position) {
      DropFirstActive();
      continue;
    }
    // It shows up to its end, or to where a paint that precedes it begins.
    uint64_t last = paints[winner].last;
    while (begins_by(next, last)) {
      const auto [address, rival] = starts_[next];
      if (rival < winner) {
        last = address - 1;
        break;
      }
      if (paints[rival].last > last) Activate(rival);
      ++next;
    }
    AppendRange(paints[winner], position, last, view);
    if (last == UINT64_MAX) break;
    position = last + 1;
  }
}

void OverlapResolver::SortStarts(std::span<const FlatRange> paints) {
  starts_.clear();
  starts_.reserve(paints.size());
  for (uint32_t paint = 0; paint < paints.size(); ++paint) {
    starts_.push_back({paints[paint].first, paint});
  }
  if (InsertionSort()) return;
  std::sort(starts_.begin(), starts_.end(),
            [](const Start& a, const Start& b) { return a.address < b.address; });
}

// Returns false, with the order unfinished, where starts are too far from their places.
bool OverlapResolver::InsertionSort() {
  constexpr size_t kMovesPerStart = 4;
  size_t moves = kMovesPerStart * starts_.size();
  for (size_t i = 1; i < starts_.size(); ++i) {
    const Start start = starts_[i];
    size_t place = i;
    for (; place > 0 && starts_[place - 1].address > start.address; --place) {
      starts_[place] = starts_[place - 1];
      if (--moves == 0) {
        starts_[place - 1] = start;
        return false;
      }
    }
    starts_[place] = start;
  }
  return true;
}

void OverlapResolver::Activate(uint32_t paint) {
  active_.push_back(paint);
  std::push_heap(active_.begin(), active_.end(), std::greater<>());
}

void OverlapResolver::DropFirstActive() {
  std::pop_heap(active_.begin(), active_.end(), std::greater<>());
  active_.pop_back();
}

}  // namespace flatview::engine
