#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/flat_range.h"

namespace flatview::engine {

// What a region tree looks like from an address space: the ranges that answer, ascending.
//
// Thread safety: immutable; any number of threads may read it without a lock for as long as they
// hold a reference.
//
// Invariants: ranges ascend, don't overlap, and no two neighbours can merge.
class FlatView {
 public:
  // The empty view.
  FlatView() = default;
  // REQUIRES: `ranges` keep the invariants. `serial` is not 0.
  FlatView(RegionId root, uint64_t serial, std::span<const FlatRange> ranges);

  // The region that was rendered, and which every address space that shares the view resolves to;
  // kNoRegion for the empty view.
  RegionId root() const { return root_; }
  // Tells apart the views of one engine; 0 for the empty view.
  uint64_t serial() const { return serial_; }

  size_t size() const { return firsts_.size(); }
  FlatRange operator[](size_t index) const;

  // The index of the first range that ends at `address` or beyond; size() if there is none.
  size_t From(uint64_t address) const;

  // The range that holds `address`.
  std::optional<FlatRange> Lookup(uint64_t address) const;

  // Whether these are exactly the view's ranges.
  bool Consists(std::span<const FlatRange> ranges) const;

 private:
  struct Rest {
    uint64_t last;
    uint64_t offset;
    RegionId region;
    uint32_t attributes;
  };

  RegionId root_ = kNoRegion;
  uint64_t serial_ = 0;
  // The keys of a search lie apart, so that it touches as few cache lines as it can.
  std::vector<uint64_t> firsts_;
  std::vector<Rest> rests_;
};

}  // namespace flatview::engine
