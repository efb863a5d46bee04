#pragma once

#include "engine/flat_view.h"

namespace flatview::engine {

// Compares two views, ascending through both at once (QEMU: address_space_update_topology_pass).
// `on_delete(range)` hears of each range of `before` that is not in `after`, `on_add(range)` of
// each of `after` that is not in `before`, and `on_keep(old_range, new_range)` of each that is in
// both, which differ in their dirty log masks at most. Adds and keeps together ascend.
template <typename OnDelete, typename OnAdd, typename OnKeep>
void DiffFlatViews(const FlatView& before, const FlatView& after, OnDelete on_delete, OnAdd on_add,
                   OnKeep on_keep) {
  size_t old_index = 0;
  size_t new_index = 0;
  while (old_index < before.size() && new_index < after.size()) {
    const FlatRange old_range = before[old_index];
    const FlatRange new_range = after[new_index];
    if (SameRange(old_range, new_range)) {
      on_keep(old_range, new_range);
      ++old_index;
      ++new_index;
    } else if (old_range.first <= new_range.first) {
      on_delete(old_range);
      ++old_index;
    } else {
      on_add(new_range);
      ++new_index;
    }
  }
  for (; old_index < before.size(); ++old_index) on_delete(before[old_index]);
  for (; new_index < after.size(); ++new_index) on_add(after[new_index]);
}

}  // namespace flatview::engine
