#pragma once

#include <cstdint>
#include <vector>

#include "engine/address_range.h"
#include "engine/flat_tree.h"
#include "engine/flat_view.h"
#include "engine/render.h"

namespace flatview::engine {

// The view of one view root, during a commit.
struct View {
  FlatViewPtr present;  // what is in effect; null before the first commit
  FlatViewPtr next;     // what takes its place; null if nothing changes
  // Where something may have changed.
  std::vector<AddressRange> windows;
  // Where the two were compared: ascending and apart, and cut at the edges of ranges.
  std::vector<AddressRange> compared;
};

// Brings views in step with the tree: renders the windows in which something may have changed, and
// splices them in.
//
// Thread safety: none. It is a class only to keep its working memory from one use to the next.
class ViewUpdate {
 public:
  // REQUIRES: `renderer` lives as long.
  explicit ViewUpdate(WindowRenderer& renderer) : renderer_(renderer) {}

  // Makes view.next of view.present and view.windows, unless nothing changes; or of nothing, where
  // there is no present view. `serial` is the next view's.
  Status Update(RegionId root, uint64_t serial, RenderBudget& budget, View& view);

 private:
  Status RenderWhole(RegionId root, RenderBudget& budget, FlatTree& tree);
  Status RenderWindow(RegionId root, const AddressRange& window, RenderBudget& budget,
                      FlatTree& tree, std::vector<AddressRange>& compared);
  AddressRange JoinEdges(const AddressRange& window, const FlatTree& tree);

  WindowRenderer& renderer_;
  FlatTreeSplicer splicer_;
  std::vector<FlatRange> rendered_;
};

}  // namespace flatview::engine
