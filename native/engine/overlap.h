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
  // holds it. Neighbours that can merge are merged. Takes O(n log n), however they overlap.
  // REQUIRES: what `view` holds already lies below all of `paints`; fewer than 2^32 paints.
  void Resolve(std::span<const FlatRange> paints, std::vector<FlatRange>& view);

 private:
  void SortByFirst(std::span<const FlatRange> paints);

  std::vector<uint32_t> by_first_;
  // Of the paints that begin at or before the present address, those that may still show: a heap
  // with the first paint on top.
  std::vector<uint32_t> active_;
};

}  // namespace flatview::engine
