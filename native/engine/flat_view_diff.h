#pragma once

#include "engine/flat_view.h"

namespace flatview::engine {

// Compares what two views have in `window`, ascending through both at once (QEMU:
// address_space_update_topology_pass). `on_delete(range)` hears of each range of `before` that is
// not in `after`, `on_add(range)` of each of `after` that is not in `before`, and
// `on_keep(old_range, new_range)` of each that is in both, which differ in their dirty log masks at
// most. Adds and keeps together ascend.
// REQUIRES: no range of either view crosses an edge of the window.
template <typename OnDelete, typename OnAdd, typename OnKeep>
void DiffFlatViews(const FlatView& before, const FlatView& after, const AddressRange& window,
                   OnDelete on_delete, OnAdd on_add, OnKeep on_keep) {
  const auto left = [&window](const FlatTree::Cursor& cursor) {
    return !cursor.at_end() && (*cursor).first <= window.last;
  };
  FlatTree::Cursor old_ranges = before.From(window.first);
  FlatTree::Cursor new_ranges = after.From(window.first);
  while (left(old_ranges) && left(new_ranges)) {
    const FlatRange old_range = *old_ranges;
    const FlatRange new_range = *new_ranges;
    if (SameRange(old_range, new_range)) {
      on_keep(old_range, new_range);
      ++old_ranges;
      ++new_ranges;
    } else if (old_range.first <= new_range.first) {
      on_delete(old_range);
      ++old_ranges;
    } else {
      on_add(new_range);
      ++new_ranges;
    }
  }
  for (; left(old_ranges); ++old_ranges) on_delete(*old_ranges);
  for (; left(new_ranges); ++new_ranges) on_add(*new_ranges);
}

}  // namespace flatview::engine
