#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/address_range.h"

namespace flatview::engine {

// The parts of a window that nothing was painted on yet, so that what is hidden needn't be looked
// at. They are kept only as long as they are few: then what is painted in the midst of one is
// forgotten. So a part may be called open that isn't; what is not called open is covered.
//
// Thread safety: none. It is a class only to keep its working memory from one use to the next.
class OpenRanges {
 public:
  void Reset(const AddressRange& window) { ranges_.assign(1, window); }

  bool Intersects(const AddressRange& range) const {
    const size_t index = From(range.first);
    return index < ranges_.size() && ranges_[index].first <= range.last;
  }

  // Whether nothing was painted anywhere in `range`.
  bool Contains(const AddressRange& range) const {
    return ranges_.size() == 1 && ranges_[0].first <= range.first && range.last <= ranges_[0].last;
  }

  void Cover(const AddressRange& range) {
    size_t index = From(range.first);
    if (index < ranges_.size() && ranges_[index].first < range.first) {
      AddressRange& cut = ranges_[index];
      if (cut.last > range.last) return Split(index, range);
      cut.last = range.first - 1;
      ++index;
    }
    size_t end = index;
    while (end < ranges_.size() && ranges_[end].last <= range.last) ++end;
    if (end < ranges_.size() && ranges_[end].first <= range.last) {
      ranges_[end].first = range.last + 1;
    }
    ranges_.erase(At(index), At(end));
  }

 private:
  static constexpr size_t kMaxRanges = 64;

  std::vector<AddressRange>::iterator At(size_t index) {
    return ranges_.begin() + static_cast<std::ptrdiff_t>(index);
  }

  // The index of the first range that ends at `address` or behind it.
  size_t From(uint64_t address) const {
    const auto ends_before = [](const AddressRange& range, uint64_t bound) {
      return range.last < bound;
    };
    const auto found = std::lower_bound(ranges_.begin(), ranges_.end(), address, ends_before);
    return static_cast<size_t>(found - ranges_.begin());
  }

  void Split(size_t index, const AddressRange& hole) {
    if (ranges_.size() == kMaxRanges) return;
    const AddressRange above = {hole.last + 1, ranges_[index].last};
    ranges_[index].last = hole.first - 1;
    ranges_.insert(At(index + 1), above);
  }

  std::vector<AddressRange> ranges_;  // ascending, apart
};

}  // namespace flatview::engine
