#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/address_range.h"
#include "engine/region.h"

namespace flatview::engine {

struct RegionNode;

// The enabled subregions of one region, found by address: a search tree over their first addresses,
// in which each node also knows how far its subtree reaches. It links the nodes themselves, and so
// allocates nothing.
//
// A treap: which of two nodes is nearer to the root depends on their ids alone, in a way that makes
// the tree about as deep as if they had been inserted in random order. So its shape depends on what
// is in it, and not on how that came about.
//
// Thread safety: none; one thread at a time.
class SubregionTree {
 public:
  bool empty() const { return root_ == nullptr; }

  // The only subregion; null if there is none, or if there are several.
  const RegionNode* Sole() const;

  // REQUIRES: the node is in no tree.
  void Insert(RegionNode& node);
  // REQUIRES: the node is in this tree, and its address is what it was when it was inserted.
  void Erase(RegionNode& node);

  // Calls `visit(node)` for each subregion with a byte in `window`, which counts in this region's
  // bytes, by ascending address. An empty subregion may be among them.
  template <typename Visit>
  void ForEach(const AddressRange& window, Visit visit) const {
    ForEach(root_, window, visit);
  }

 private:
  template <typename Visit>
  static void ForEach(const RegionNode* tree, const AddressRange& window, Visit& visit);

  RegionNode* root_ = nullptr;
};

// A region in the tree of all regions.
struct RegionNode {
  Region region;
  RegionId id = kNoRegion;
  bool exists = false;  // else others may be linked to it already, or still
  SubregionTree subregions;
  uint32_t subregion_count = 0;  // disabled ones included

  // Its place among its parent's subregions.
  RegionNode* lower = nullptr;
  RegionNode* upper = nullptr;
  uint64_t reach = 0;  // the last byte of anything in this subtree, or the end of the address space

  // A list of the aliases of each region runs through the nodes of the aliases.
  RegionNode* first_alias = nullptr;
  RegionNode* next_alias = nullptr;
  RegionNode* previous_alias = nullptr;

  // During a batch.
  uint32_t walk = 0;  // which search for cycles came by
  bool removed = false;
  bool touched = false;
};

// Where the region ends in its parent, cut at the end of the address space. An empty region counts
// as its first byte.
inline uint64_t LastInParent(const Region& region) {
  if (region.is_empty()) return region.address;
  const uint64_t room = kLastAddress - region.address;
  return region.address + std::min(region.last_offset(), room);
}

template <typename Visit>
void SubregionTree::ForEach(const RegionNode* tree, const AddressRange& window, Visit& visit) {
  // Nothing here reaches the window; or all that is left begins above it.
  while (tree != nullptr && tree->reach >= window.first) {
    ForEach(tree->lower, window, visit);
    if (tree->region.address > window.last) return;
    if (LastInParent(tree->region) >= window.first) visit(*tree);
    tree = tree->upper;
  }
}

}  // namespace flatview::engine
