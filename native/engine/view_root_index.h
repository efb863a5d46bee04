#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/address_space_table.h"
#include "engine/child_index.h"
#include "engine/paged_table.h"
#include "engine/region_table.h"

namespace flatview::engine {

// The view root of each address space (view_root.h), and the way there. A step is taken again only
// when a region that it depends on changes; only if it then leads elsewhere are the address spaces
// whose way it is resolved again.
//
// Thread safety: none; one thread at a time.
class ViewRootIndex {
 public:
  // An address space whose view root changes. kNoRegion: nothing shows.
  struct Move {
    AddressSpaceId space;
    RegionId from;
    RegionId to;
  };

  // REQUIRES: all live as long.
  ViewRootIndex(const RegionTable& regions, const ChildIndex& children,
                const AddressSpaceTable& spaces)
      : regions_(regions), children_(children), spaces_(spaces) {}

  // Follows what changed: regions, which the child index follows already, and address spaces.
  void Update(std::span<const RegionTable::Change> regions,
              std::span<const AddressSpaceTable::Change> spaces);

  // The address spaces that the last update moved.
  std::span<const Move> moves() const { return moves_; }

 private:
  // A region on the way of some address space.
  struct Step {
    RegionId next = kNoRegion;
    RegionId target = kNoRegion;  // of an alias, whose row the step depends on, too
    uint32_t ways = 0;            // how many go through here
  };
  struct Way {
    std::vector<RegionId> regions;
    RegionId view_root = kNoRegion;
  };

  void Recheck(RegionId id);
  void Take(RegionId id, Step& step);
  void Depend(RegionId id, Step& step, RegionId target);
  void Resolve(AddressSpaceId space);
  RegionId Enter(RegionId id, AddressSpaceId space);
  void Leave(RegionId id, AddressSpaceId space);

  const RegionTable& regions_;
  const ChildIndex& children_;
  const AddressSpaceTable& spaces_;
  PagedTable<Step> steps_;
  std::unordered_map<AddressSpaceId, Way> ways_;
  std::set<std::pair<RegionId, AddressSpaceId>> through_;  // which ways a region is on
  std::set<std::pair<RegionId, RegionId>> aliases_;        // targets, and the aliases in steps_
  std::vector<AddressSpaceId> lost_;                       // those to be resolved again
  std::vector<Move> moves_;
};

}  // namespace flatview::engine
