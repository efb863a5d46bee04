#pragma once

#include "engine/child_index.h"
#include "engine/region_table.h"

namespace flatview::engine {

// How an address space's root is resolved to the region that it really shows, its view root: steps
// lead over containers with one enabled child and over aliases, where that child or target alone
// makes the same flat view. Address spaces with the same view root share one flat view.
//
// QEMU's memory_region_get_flatview_root, but for one thing: it skips only what can't change the
// ranges (QEMU also skips what is readonly, nonvolatile or unmergeable, or would shift the view).

// As many steps are taken at the most. Two aliases of each other could be followed for ever;
// rendering refuses them, so any of the regions passed will do.
inline constexpr uint32_t kMaxViewRootSteps = 1000;

// The region to go on with instead of `id`: `id` itself to stop, kNoRegion if nothing shows.
// REQUIRES: the region exists, and `children` are its enabled ones.
RegionId StepToViewRoot(const RegionTable& regions, RegionId id, const EnabledChildren& children);

}  // namespace flatview::engine
