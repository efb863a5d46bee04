#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace flatview::engine {

// Wide enough for any sum of region addresses, and signed: an alias moves its target's base below
// zero. The compiler's own type, without a warning that ISO C++ has none.
__extension__ using Int128 = __int128;

inline constexpr uint64_t kLastAddress = UINT64_MAX;

// The addresses from `first` to `last`, both included; never empty. So the whole address space,
// 2^64 bytes, is a range like any other.
//
// Invariants: first <= last.
struct AddressRange {
  uint64_t first;
  uint64_t last;

  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

inline constexpr AddressRange kAllAddresses = {0, kLastAddress};

// The part of [first, last] inside `clip`. The bounds may lie outside the address space.
inline std::optional<AddressRange> Clip(Int128 first, Int128 last, const AddressRange& clip) {
  const Int128 low = std::max(first, Int128{clip.first});
  const Int128 high = std::min(last, Int128{clip.last});
  if (low > high) return std::nullopt;
  return AddressRange{static_cast<uint64_t>(low), static_cast<uint64_t>(high)};
}

}  // namespace flatview::engine
