#include "engine/view_root.h"

#include "engine/render.h"

namespace flatview::engine {
namespace {

// Whether rendering the region itself can differ from rendering what it shows.
bool IsPlain(const Region& region) {
  return region.address == 0 && !region.Has(region_flag::kReadonly | region_flag::kNonvolatile |
                                            region_flag::kUnmergeable);
}

bool Covers(const Region& outer, const Region& inner) {
  if (outer.Has(region_flag::kWholeSpace)) return true;
  return !inner.Has(region_flag::kWholeSpace) && outer.size >= inner.size;
}

struct EnabledChildren {
  RegionId one = kNoRegion;
  bool several = false;
};

EnabledChildren FindEnabledChildren(const RegionTable& regions, RegionId parent) {
  EnabledChildren found;
  for (const RegionId child : regions.Subregions(parent)) {
    if (!regions.Find(child)->Has(region_flag::kEnabled)) continue;
    if (found.one != kNoRegion) return {found.one, true};
    found.one = child;
  }
  return found;
}

// The region to go on with instead of `id`: `id` itself to stop, kNoRegion if nothing shows.
RegionId Step(const RegionTable& regions, RegionId id, const Region& region) {
  if (!region.Has(region_flag::kEnabled)) return kNoRegion;
  RegionId next = region.target;
  if (region.is_alias()) {
    if (region.alias_offset != 0) return id;
  } else {
    if (region.Has(region_flag::kTerminates)) return id;
    const EnabledChildren children = FindEnabledChildren(regions, id);
    if (children.one == kNoRegion) return kNoRegion;
    if (children.several) return id;
    next = children.one;
  }
  const Region& inner = *regions.Find(next);
  return IsPlain(region) && inner.address == 0 && Covers(region, inner) ? next : id;
}

}  // namespace

RegionId ResolveViewRoot(const RegionTable& regions, RegionId root) {
  // Two aliases of each other could be followed for ever. Rendering refuses them, so any of the
  // regions passed will do.
  for (uint32_t step = 0; root != kNoRegion && step < kMaxDepth; ++step) {
    const RegionId next = Step(regions, root, *regions.Find(root));
    if (next == root) break;
    root = next;
  }
  return root;
}

}  // namespace flatview::engine
