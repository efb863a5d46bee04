#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/child_index.h"
#include "engine/interval_forest.h"
#include "engine/paged_table.h"
#include "engine/region_table.h"

namespace flatview::engine {

// Which regions some view shows, and which aliases show a region there.
//
// A region is live while something holds it: being a view root, a live container in which it is
// enabled, or a live alias of it. Only live aliases are found as aliases of their target. So a
// thousand bus master address spaces, whose aliases of the system memory are disabled or left out
// of every view by the short cut to the view root, cost a change of the system memory nothing.
//
// A region that neither holds nor shows others can pass nothing on, and there are many: of these,
// only those that are held otherwise are counted, and the rest live as their containers do. So a
// container with a hundred thousand of them comes to life, or dies, in a step.
//
// Aliases that show each other in a cycle hold each other, and may stay live when nothing else
// holds them. That costs time, but never makes a view wrong.
//
// Thread safety: none; one thread at a time.
class Liveness {
 public:
  // REQUIRES: both live as long.
  Liveness(const RegionTable& regions, const ChildIndex& children)
      : regions_(regions), children_(children) {}

  // Follows what changed: regions, which `children` follows already, and view roots.
  void Update(std::span<const RegionTable::Change> changes, std::span<const RegionId> new_roots,
              std::span<const RegionId> old_roots);

  bool IsLive(RegionId id) const { return IsHeld(id) || IsHeld(children_.ContainerOf(id)); }
  bool IsViewRoot(RegionId id) const;

  // Calls `visit(alias, window)` for each live alias of `target` that shows a byte in `range`;
  // `window` is what the alias shows of the target.
  template <typename Visit>
  void ForEachAlias(RegionId target, const AddressRange& range, Visit visit) const {
    IntervalForest::ForEach(
        aliases_.TreeOf(target), range,
        [&](RegionId alias, const Interval& window) { visit(alias, window.range); });
  }

 private:
  struct Life {
    uint32_t holders = 0;
    bool is_view_root = false;
    RegionId container = kNoRegion;  // if it is among the holders
  };

  bool IsHeld(RegionId id) const { return lives_.Find(id) != nullptr; }
  void Hold(RegionId id);
  void FollowContainer(RegionId id);
  void FollowTarget(RegionId id);
  void WakeAll();
  void ReleaseAll();

  const RegionTable& regions_;
  const ChildIndex& children_;
  // Of live regions only, but for those that live as their containers do.
  PagedTable<Life> lives_;
  IntervalForest aliases_;  // owned by their targets; in the target's own bytes
  // Regions that came to life, and what they hold is still to be held; and those that one holder
  // less is to be counted of.
  std::vector<RegionId> woken_;
  std::vector<RegionId> released_;
};

}  // namespace flatview::engine
