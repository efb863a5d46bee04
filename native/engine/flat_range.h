#pragma once

#include <cstdint>
#include <vector>

#include "engine/region.h"

namespace flatview::engine {

// What a flat range inherits or takes from its region. The low bits of FlatRange::attributes.
namespace range_attribute {
inline constexpr uint32_t kReadonly = 1u << 0;  // of the region or of anything it is shown through
inline constexpr uint32_t kNonvolatile = 1u << 1;  // likewise
inline constexpr uint32_t kRomd = 1u << 2;         // of the region alone
inline constexpr uint32_t kUnmergeable = 1u << 3;  // inherited like readonly
// All that tells two ranges apart when views are compared (QEMU: flatrange_equal). The dirty log
// mask doesn't: when only it changes, the range stays.
inline constexpr uint32_t kIdentity = kReadonly | kNonvolatile | kRomd | kUnmergeable;
inline constexpr uint32_t kDirtyLogMaskShift = 8;
inline constexpr uint32_t kDirtyLogMask = 0xffu << kDirtyLogMaskShift;
}  // namespace range_attribute

// Addresses that reach one region, contiguously: byte `first` is byte `offset` of the region. This
// is also how a range crosses to TypeScript: four 64-bit words.
struct FlatRange {
  uint64_t first;
  uint64_t last;
  uint64_t offset;
  RegionId region;
  uint32_t attributes;

  friend bool operator==(const FlatRange&, const FlatRange&) = default;
};
static_assert(sizeof(FlatRange) == 32);

// The same range but for its dirty log mask.
inline bool SameRange(const FlatRange& a, const FlatRange& b) {
  return a.first == b.first && a.last == b.last && a.offset == b.offset && a.region == b.region &&
         ((a.attributes ^ b.attributes) & range_attribute::kIdentity) == 0;
}

// `b` continues `a`: the two are one range (QEMU: can_merge).
inline bool CanMerge(const FlatRange& a, const FlatRange& b) {
  const bool adjacent = a.last != UINT64_MAX && a.last + 1 == b.first;
  const bool continues = b.offset > a.offset && b.offset - a.offset == b.first - a.first;
  return adjacent && continues && a.region == b.region && a.attributes == b.attributes &&
         (a.attributes & range_attribute::kUnmergeable) == 0;
}

// Appends the part of `range` from `first` to `last`, merging it with what comes before.
inline void AppendRange(const FlatRange& range, uint64_t first, uint64_t last,
                        std::vector<FlatRange>& view) {
  const FlatRange part = {first, last, range.offset + (first - range.first), range.region,
                          range.attributes};
  if (!view.empty() && CanMerge(view.back(), part)) {
    view.back().last = last;
  } else {
    view.push_back(part);
  }
}

}  // namespace flatview::engine
