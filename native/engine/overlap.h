#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/flat_range.h"

namespace flatview::engine {

// Finds what shows of ranges that cover one another.
//
// Thread safety: none. It is a class only to keep its working memory from one use to the next.
class OverlapResolver {
 public:
  // Appends to `view`, ascending, what shows of `paints`: at each address the first of them that
  // holds it. Neighbours that can merge are merged. Takes O(n log n), however they overlap, and
  // O(n) if they nearly ascend. REQUIRES: what `view` holds already lies below all of `paints`;
  // fewer than 2^32 paints.
  void Resolve(std::span<const FlatRange> paints, std::vector<FlatRange>& view);

 private:
  struct Start {
    uint64_t address;
    uint32_t paint;
  };

  void SortStarts(std::span<const FlatRange> paints);
  bool InsertionSort();
  void Activate(uint32_t paint);
  void DropFirstActive();

  std::vector<Start> starts_;
  // Of the paints that begin at or before the present address, those that may still show: a heap
  // with the first paint on top.
  std::vector<uint32_t> active_;
};

}  // namespace flatview::engine
