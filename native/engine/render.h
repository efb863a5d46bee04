#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/address_range.h"
#include "engine/flat_range.h"
#include "engine/overlap.h"
#include "engine/region_table.h"
#include "engine/status.h"

namespace flatview::engine {

// How many levels of containment and aliases a view may nest. Real machines have about ten.
inline constexpr uint32_t kMaxDepth = 1000;
// How many regions one commit may visit, counting one for each time an alias shows it. Only aliases
// that double again and again reach it.
inline constexpr uint64_t kMaxVisits = 1u << 23;

// Turns a region tree into flat ranges (QEMU: render_memory_region and flatview_simplify).
//
// A walk of the tree, highest precedence first, yields one paint for each region that answers,
// clipped to all it is shown through; what an earlier paint leaves free shows of the later ones.
// The walk keeps its path on the heap: no tree overflows the stack.
//
// Thread safety: none. It is a class only to keep its working memory from one use to the next.
class Renderer {
 public:
  // Appends to `view` what shows inside `window` of an address space with root `root`, ascending.
  // Each region visited takes one from `visits`. When it refuses, `view` is as it was.
  // REQUIRES: the region exists; what `view` holds already lies below the window.
  Status Render(const RegionTable& regions, RegionId root, const AddressRange& window,
                uint64_t& visits, std::vector<FlatRange>& view);

 private:
  // Where a region is shown: its base address, what of it can be seen, and what it inherits.
  struct Place {
    Int128 base;
    AddressRange clip;
    uint32_t inherited;
  };

  // A region that the walk is inside of.
  struct Level {
    RegionId id;
    uint32_t visited;  // how many of its subregions; an alias' target counts as its only one
    const Region* region;
    Place place;
  };

  Status Enter(const RegionTable& regions, RegionId id, const Place& outer);
  Status Advance(const RegionTable& regions, Level& level);
  Status EnterTarget(const RegionTable& regions, Level& level);
  void Paint(RegionId id, const Region& region, const Place& place);
  Status TooDeep(RegionId id) const;

  std::vector<Level> path_;
  std::vector<FlatRange> paints_;
  OverlapResolver overlaps_;
};

}  // namespace flatview::engine
