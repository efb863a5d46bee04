#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/address_range.h"
#include "engine/flat_view.h"
#include "engine/paged_table.h"
#include "engine/propagation.h"
#include "engine/view_root_index.h"
#include "engine/view_update.h"

namespace flatview::engine {

// The view of each view root that an address space has: the present one, and the pending commit's.
// A view whose ranges a commit leaves as they are stays the same object.
//
// Thread safety: none; one thread at a time.
class ViewTable {
 public:
  // What is in effect. Of kNoRegion, the empty view.
  const FlatViewPtr& Present(RegionId root) const;
  // What is in effect when the pending commit is published.
  const FlatViewPtr& Next(RegionId root) const;
  // Where the two can differ: ascending and apart, and cut at the edges of ranges.
  std::span<const AddressRange> Compared(RegionId root) const;

  // Follows address spaces from one view root to another.
  void Follow(std::span<const ViewRootIndex::Move> moves);
  // The view roots that came into use with this, and those that went out of use.
  std::span<const RegionId> new_roots() const { return new_roots_; }
  std::span<const RegionId> old_roots() const { return old_roots_; }

  // Renders the new views, and those that the windows are of.
  Status Update(std::span<const Propagation::Window> windows, RenderBudget& budget,
                ViewUpdate& update);
  // The view roots whose views the last update looked at.
  std::span<const RegionId> updated() const { return updated_; }

  // Puts every next view into effect, and drops the views that went out of use.
  void Keep();
  // Drops every next view. REQUIRES: the address spaces were followed back.
  void Undo();

 private:
  struct Entry {
    View view;
    uint32_t users = 0;  // address spaces with this view root, as of the pending commit
  };

  FlatViewPtr empty_ = std::make_shared<const FlatView>();
  PagedTable<Entry> entries_;
  std::vector<RegionId> new_roots_;
  std::vector<RegionId> old_roots_;
  std::vector<RegionId> updated_;
  uint64_t last_serial_ = 0;
};

}  // namespace flatview::engine
