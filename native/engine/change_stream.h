#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/batch.h"
#include "engine/flat_view.h"
#include "engine/region_table.h"

namespace flatview::engine {

// What a commit changes in the watched address spaces, as the 64-bit words that TypeScript reads
// (lib/native/engine-addon.ts describes them): groups of address spaces that change in the same
// way, and for each group the ranges deleted, then those added and kept.
//
// Thread safety: none.
class ChangeStream {
 public:
  // What becomes of some address spaces' view.
  struct Comparison {
    const FlatView& before;
    const FlatView& after;
    // Where there can be something to report, ascending; no range of either view crosses an edge.
    std::span<const AddressRange> windows;
    // Report all ranges in both views as kept, and not only those whose dirty log mask changed or
    // whose region was touched.
    bool all_kept;
  };

  std::span<const uint64_t> words() const { return words_; }
  void Clear() { words_.clear(); }

  // Appends a group, unless there is nothing to report.
  void AddGroup(std::span<const AddressSpaceId> spaces, const Comparison& comparison,
                const RegionTable& regions);

 private:
  void AppendHeader(std::span<const AddressSpaceId> spaces);

  std::vector<uint64_t> words_;
  // The second part of the group being built: it is found in the same pass as the first.
  std::vector<uint64_t> adds_and_keeps_;
};

}  // namespace flatview::engine
