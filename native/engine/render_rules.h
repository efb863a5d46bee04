#pragma once

#include <cstdint>

#include "engine/flat_range.h"
#include "engine/region.h"

namespace flatview::engine {

// How many levels of containment and aliases a view may nest. Real machines have about ten.
inline constexpr uint32_t kMaxDepth = 1000;

// What rendering may cost, until it refuses to go on. Only aliases that multiply, each showing
// several that show several more, come near the defaults.
struct RenderBudget {
  uint64_t visits = 1u << 26;  // regions passed, once for each time that something shows them
  uint64_t paints =
      1u << 23;  // of these, the ones that answer accesses: each may make a flat range
};

// Takes `cost` from what is left, as far as there is any, and returns whether it was enough.
inline bool Spend(uint64_t& left, uint64_t cost) {
  const bool enough = cost <= left;
  left -= enough ? cost : left;
  return enough;
}

// What a region hands down to all that is shown through it, as attributes of a range.
inline uint32_t InheritedAttributes(const Region& region) {
  return (region.Has(region_flag::kReadonly) ? range_attribute::kReadonly : 0) |
         (region.Has(region_flag::kNonvolatile) ? range_attribute::kNonvolatile : 0) |
         (region.Has(region_flag::kUnmergeable) ? range_attribute::kUnmergeable : 0);
}

// What a range takes from its region alone.
inline uint32_t OwnAttributes(const Region& region) {
  static_assert(region_flag::kDirtyLogMaskShift > range_attribute::kDirtyLogMaskShift);
  const uint32_t mask = (region.flags & region_flag::kDirtyLogMask) >>
                        (region_flag::kDirtyLogMaskShift - range_attribute::kDirtyLogMaskShift);
  return mask | (region.Has(region_flag::kRomd) ? range_attribute::kRomd : 0);
}

}  // namespace flatview::engine
