#pragma once

#include <cstdint>
#include <vector>

#include "engine/address_range.h"
#include "engine/flat_range.h"
#include "engine/overlap.h"
#include "engine/region_table.h"
#include "engine/status.h"

namespace flatview::engine {

// How many levels of containment and aliases a view may nest. Real machines have about ten.
inline constexpr uint32_t kMaxDepth = 1000;

// What rendering may cost, until it refuses to go on. Only aliases that multiply, each showing
// several that show several more, come near the defaults.
struct RenderBudget {
  uint64_t visits = 1u << 24;  // regions passed, once for each time that something shows them
  uint64_t paints =
      1u << 23;  // of these, the ones that answer accesses: each may make a flat range
};

// Turns a region tree into flat ranges (QEMU: render_memory_region and flatview_simplify).
//
// A walk of the tree yields one paint for each region that answers, clipped to all it is shown
// through. Where two paints overlap, the one of higher precedence comes first; what an earlier
// paint leaves free shows of the later ones. The walk keeps its path on the heap: no tree overflows
// the stack.
//
// Thread safety: none. It is a class only to keep its working memory from one use to the next.
class Renderer {
 public:
  // REQUIRES: `regions` lives as long.
  explicit Renderer(const RegionTable& regions) : regions_(regions) {}

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
    const RegionNode* node;
    Place place;
    size_t queue_begin;  // what is in it and still to be visited: the end of the queue
    size_t queue_next;
    size_t outer_alias;  // the next alias outwards, as an index of the path; kNoAlias if none
  };
  static constexpr size_t kNoAlias = SIZE_MAX;

  Status Enter(const RegionNode& node, const Place& outer, RenderBudget& budget);
  Status Push(const RegionNode& node, const Place& place, RenderBudget& budget);
  void Enqueue(const RegionNode& node, const Place& place);
  Status Advance(RenderBudget& budget);
  bool IsEndless(const Level& alias, RenderBudget& budget) const;
  Status TooDeep(RegionId id) const;
  Status Paint(const RegionNode& node, const Place& place, RenderBudget& budget);

  const RegionTable& regions_;
  std::vector<Level> path_;
  std::vector<const RegionNode*> queue_;
  std::vector<FlatRange> paints_;
  OverlapResolver overlaps_;
};

}  // namespace flatview::engine
