#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "engine/flat_range.h"
#include "engine/flat_tree.h"

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
  // REQUIRES: the ranges of `tree` keep the invariants. `serial` is not 0.
  FlatView(RegionId root, uint64_t serial, FlatTree tree)
      : root_(root), serial_(serial), tree_(std::move(tree)) {}

  // The region that was rendered, and which every address space that shares the view resolves to;
  // kNoRegion for the empty view.
  RegionId root() const { return root_; }
  // Tells apart the views of one engine; 0 for the empty view.
  uint64_t serial() const { return serial_; }

  size_t size() const { return tree_.size(); }
  const FlatTree& tree() const { return tree_; }

  // The range that holds `address`.
  std::optional<FlatRange> Lookup(uint64_t address) const { return tree_.Lookup(address); }

  // The range that holds `address`; if none does, the hole there (see FlatTree::Hole).
  FlatRange At(uint64_t address) const { return tree_.At(address); }

  // From the first range that ends at `address` or beyond.
  FlatTree::Cursor From(uint64_t address) const { return tree_.From(address); }

  // All ranges, for `for (const FlatRange range : view)`.
  FlatTree::Cursor begin() const { return tree_.From(0); }
  static std::default_sentinel_t end() { return {}; }

 private:
  RegionId root_ = kNoRegion;
  uint64_t serial_ = 0;
  FlatTree tree_;
};

using FlatViewPtr = std::shared_ptr<const FlatView>;

}  // namespace flatview::engine
