#pragma once

#include "engine/region_table.h"

namespace flatview::engine {

// The region that an address space with root `root` really shows: skips containers with one enabled
// child and aliases, where that child or target alone makes the same flat view. Address spaces with
// the same view root share one flat view. kNoRegion if nothing can show, or `root` is kNoRegion.
//
// QEMU's memory_region_get_flatview_root, but for one thing: it skips only what can't change the
// ranges (QEMU also skips what is readonly, nonvolatile or unmergeable, or would shift the view).
RegionId ResolveViewRoot(const RegionTable& regions, RegionId root);

}  // namespace flatview::engine
