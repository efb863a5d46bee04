#include "engine/flat_view.h"

#include <algorithm>
#include <cassert>

namespace flatview::engine {
namespace {

[[maybe_unused]] bool Overlap(const FlatRange& low, const FlatRange& high) {
  return low.last >= high.first;
}

}  // namespace

FlatView::FlatView(RegionId root, uint64_t serial, std::span<const FlatRange> ranges)
    : root_(root), serial_(serial) {
  assert(std::adjacent_find(ranges.begin(), ranges.end(), Overlap) == ranges.end());
  firsts_.reserve(ranges.size());
  rests_.reserve(ranges.size());
  for (const FlatRange& range : ranges) {
    firsts_.push_back(range.first);
    rests_.push_back({range.last, range.offset, range.region, range.attributes});
  }
}

FlatRange FlatView::operator[](size_t index) const {
  const Rest& rest = rests_[index];
  return {firsts_[index], rest.last, rest.offset, rest.region, rest.attributes};
}

size_t FlatView::From(uint64_t address) const {
  if (firsts_.empty()) return 0;
  // Halves without a branch, which random addresses would mispredict every other time. Ends at the
  // last range that begins at `address` or before, or at the first range if none does.
  const uint64_t* low = firsts_.data();
  for (size_t count = firsts_.size(); count > 1;) {
    const size_t half = count / 2;
    low += low[half] <= address ? half : 0;
    count -= half;
  }
  const size_t index = static_cast<size_t>(low - firsts_.data());
  return index + (rests_[index].last < address ? 1 : 0);
}

std::optional<FlatRange> FlatView::Lookup(uint64_t address) const {
  const size_t index = From(address);
  if (index == size() || firsts_[index] > address) return std::nullopt;
  return (*this)[index];
}

bool FlatView::Consists(std::span<const FlatRange> ranges) const {
  if (ranges.size() != size()) return false;
  for (size_t index = 0; index < ranges.size(); ++index) {
    if (!(ranges[index] == (*this)[index])) return false;
  }
  return true;
}

}  // namespace flatview::engine
