#pragma once

#include <cstdint>
#include <vector>

#include "engine/address_range.h"
#include "engine/flat_range.h"
#include "engine/indexed_subregions.h"
#include "engine/listed_subregions.h"
#include "engine/overlap.h"
#include "engine/region_table.h"
#include "engine/render_rules.h"
#include "engine/status.h"

namespace flatview::engine {

// Turns a region tree into flat ranges (QEMU: render_memory_region and flatview_simplify).
//
// A walk of the tree, highest precedence first, yields one paint for each region that answers,
// clipped to all it is shown through; what an earlier paint leaves free shows of the later ones.
// The walk keeps its path on the heap: no tree overflows the stack.
//
// `Subregions` says which subregions the walk visits: those in the window (WindowRenderer), or all
// there are (ScratchRenderer), which share nothing but the rows and so check each other.
//
// Thread safety: none. It is a class only to keep its working memory from one use to the next.
template <typename Subregions>
class Renderer {
 public:
  // REQUIRES: both live as long.
  Renderer(const RegionTable& regions, Subregions& subregions)
      : regions_(regions), subregions_(subregions) {}

  // Appends to `view` what shows inside `window` of an address space with root `root`, ascending,
  // and takes its cost from `budget`. When it refuses, `view` is as it was.
  // REQUIRES: the region exists; what `view` holds already lies below the window.
  Status Render(RegionId root, const AddressRange& window, RenderBudget& budget,
                std::vector<FlatRange>& view);

 private:
  // Where a region is shown: the address of its first byte, what of it can be seen, and what it
  // inherits.
  struct Place {
    Int128 base;
    AddressRange clip;
    uint32_t inherited;
  };

  // A region that the walk is inside of.
  struct Level {
    RegionId id;
    bool target_visited;  // of an alias
    const Region* region;
    Place place;
    size_t outer_alias;  // the next alias outwards, as an index of the path; kNoAlias if none
  };
  static constexpr size_t kNoAlias = SIZE_MAX;

  Status Enter(RegionId id, const Place& outer, RenderBudget& budget);
  Status Advance(RenderBudget& budget);
  Status Push(RegionId id, const Region& region, const Place& place, RenderBudget& budget);
  bool IsEndless(const Level& alias, RenderBudget& budget) const;
  Status TooDeep(RegionId id) const;
  Status Paint(RegionId id, const Region& region, const Place& place, RenderBudget& budget);

  const RegionTable& regions_;
  Subregions& subregions_;
  std::vector<Level> path_;
  std::vector<FlatRange> paints_;
  OverlapResolver overlaps_;
};

using WindowRenderer = Renderer<IndexedSubregions>;
using ScratchRenderer = Renderer<ListedSubregions>;

}  // namespace flatview::engine
