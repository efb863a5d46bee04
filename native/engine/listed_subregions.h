#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "engine/address_range.h"
#include "engine/region_table.h"
#include "engine/view_root.h"

namespace flatview::engine {

// For a walk of the tree: all enabled subregions, highest first, in lists made from the rows alone.
// What is rendered with them owes nothing to any index (the self-check).
//
// Thread safety: none; one thread at a time.
class ListedSubregions {
 public:
  ListedSubregions() = default;
  // Lists what `regions` holds now.
  explicit ListedSubregions(const RegionTable& regions);

  EnabledChildren ChildrenOf(RegionId container) const;

  // For Renderer.
  void Start(const AddressRange& window) { levels_.clear(); }
  bool HasAny(RegionId container) const { return lists_.contains(container); }
  void Enter(RegionId container, Int128 base, const AddressRange& clip);
  RegionId Next();
  void Hide(const AddressRange& range) {}

 private:
  using List = std::vector<RegionId>;

  struct Level {
    const List* list;
    size_t next;
  };

  std::unordered_map<RegionId, List> lists_;
  std::vector<Level> levels_;
};

// The view root of an address space with this root; kNoRegion if nothing can show.
RegionId ResolveViewRoot(const RegionTable& regions, const ListedSubregions& subregions,
                         RegionId root);

}  // namespace flatview::engine
