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
  std::span<const uint64_t> words() const { return words_; }
  void Clear() { words_.clear(); }

  // Appends a group, unless there is nothing to report. A range in both views is reported as kept
  // if `all_kept`, if its dirty log mask changed, or if `regions` has its region as touched.
  void AddGroup(std::span<const AddressSpaceId> spaces, const FlatView& before,
                const FlatView& after, const RegionTable& regions, bool all_kept);

 private:
  void AppendHeader(std::span<const AddressSpaceId> spaces);

  std::vector<uint64_t> words_;
  // The second part of the group being built: it is found in the same pass as the first.
  std::vector<uint64_t> adds_and_keeps_;
};

}  // namespace flatview::engine
