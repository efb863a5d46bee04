#include "engine/view_root.h"

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

}  // namespace

RegionId StepToViewRoot(const RegionTable& regions, RegionId id, const EnabledChildren& children) {
  const Region& region = *regions.Find(id);
  if (!region.Has(region_flag::kEnabled)) return kNoRegion;
  RegionId next = region.target;
  if (region.is_alias()) {
    if (region.alias_offset != 0) return id;
  } else {
    if (region.Has(region_flag::kTerminates)) return id;
    if (children.first == kNoRegion) return kNoRegion;
    if (children.several) return id;
    next = children.first;
  }
  const Region& inner = *regions.Find(next);
  return IsPlain(region) && inner.address == 0 && Covers(region, inner) ? next : id;
}

}  // namespace flatview::engine
