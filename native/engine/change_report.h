#pragma once

#include <span>
#include <vector>

#include "engine/address_space_table.h"
#include "engine/change_stream.h"
#include "engine/region_table.h"
#include "engine/view_root_index.h"
#include "engine/view_table.h"

namespace flatview::engine {

// Finds the watched address spaces that a commit changes, and writes what they hear of it.
//
// Thread safety: none. It is a class only to keep its working memory from one use to the next.
class ChangeReport {
 public:
  // REQUIRES: all live as long.
  ChangeReport(const RegionTable& regions, const AddressSpaceTable& spaces, const ViewTable& views)
      : regions_(regions), spaces_(spaces), views_(views) {}

  // Replaces what `stream` holds. `moves` are the address spaces that change to another view.
  void Write(std::span<const ViewRootIndex::Move> moves, ChangeStream& stream);

 private:
  // What becomes of the view of one address space.
  struct Entry {
    const FlatView* before;
    const FlatView* after;
    bool all_kept;
    AddressSpaceId space;
    std::span<const AddressRange> windows;
  };

  // Address spaces that change in the same way: their listeners hear the same.
  using Group = std::span<const Entry>;

  void Collect(std::span<const ViewRootIndex::Move> moves);
  void Add(AddressSpaceId id);
  void FindGroups();
  void WriteGroup(const Group& group, ChangeStream& stream);

  const RegionTable& regions_;
  const AddressSpaceTable& spaces_;
  const ViewTable& views_;
  std::vector<Entry> entries_;
  std::vector<Group> groups_;
  std::vector<AddressSpaceId> ids_;
};

}  // namespace flatview::engine
