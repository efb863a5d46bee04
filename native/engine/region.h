#pragma once

#include <cstdint>

namespace flatview::engine {

using RegionId = uint32_t;
inline constexpr RegionId kNoRegion = UINT32_MAX;

// The bits of Region::flags, as they cross from TypeScript.
namespace region_flag {
inline constexpr uint32_t kTerminates = 1u << 0;  // answers accesses itself; a container doesn't
inline constexpr uint32_t kEnabled = 1u << 1;
inline constexpr uint32_t kReadonly = 1u << 2;
inline constexpr uint32_t kNonvolatile = 1u << 3;
inline constexpr uint32_t kRomd = 1u << 4;
inline constexpr uint32_t kUnmergeable = 1u << 5;
inline constexpr uint32_t kAlias = 1u << 6;
inline constexpr uint32_t kWholeSpace = 1u << 7;  // the size is 2^64, and the field `size` is 0
inline constexpr uint32_t kDirtyLogMaskShift = 16;
inline constexpr uint32_t kDirtyLogMask = 0xffu << kDirtyLogMaskShift;
inline constexpr uint32_t kAll = 0xffu | kDirtyLogMask;
}  // namespace region_flag

// One memory region, as TypeScript describes it. It names other regions by id.
//
// Invariants: kAlias is set exactly if `target` names a region. kWholeSpace implies size 0.
struct Region {
  uint64_t address = 0;  // within the parent; a root's is honoured, too
  // Siblings with a higher priority come first, then those with a higher sequence.
  uint64_t sequence = 0;
  uint64_t size = 0;
  uint64_t alias_offset = 0;  // the first byte of the target that an alias shows
  RegionId parent = kNoRegion;
  RegionId target = kNoRegion;
  int32_t priority = 0;
  uint32_t flags = 0;

  bool Has(uint32_t flag) const { return (flags & flag) != 0; }
  bool is_alias() const { return Has(region_flag::kAlias); }
  bool is_empty() const { return size == 0 && !Has(region_flag::kWholeSpace); }
  // The offset of the last byte. REQUIRES: !is_empty().
  uint64_t last_offset() const { return size - 1; }

  friend bool operator==(const Region&, const Region&) = default;
};

}  // namespace flatview::engine
