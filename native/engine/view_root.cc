#include "engine/view_root.h"

#include "engine/render.h"

namespace flatview::engine {
namespace {

// Whether rendering the region itself makes the same view as rendering what alone it shows from its
// first byte on.
bool IsPlain(const Region& region) {
  return region.address == 0 && !region.Has(region_flag::kReadonly | region_flag::kNonvolatile |
                                            region_flag::kUnmergeable);
}

bool Covers(const Region& outer, const Region& inner) {
  if (outer.Has(region_flag::kWholeSpace)) return true;
  return !inner.Has(region_flag::kWholeSpace) && outer.size >= inner.size;
}

// The region to go on with instead of `node`: `node` itself to stop, null if nothing shows.
const RegionNode* Step(const RegionTable& regions, const RegionNode& node) {
  const Region& region = node.region;
  if (!region.Has(region_flag::kEnabled)) return nullptr;
  const RegionNode* inner = nullptr;
  if (region.is_alias()) {
    if (region.alias_offset == 0) inner = regions.Find(region.target);
  } else if (!region.Has(region_flag::kTerminates)) {
    if (node.subregions.empty()) return nullptr;
    inner = node.subregions.Sole();
  }
  const bool skips = inner != nullptr && inner->region.address == 0 && IsPlain(region) &&
                     Covers(region, inner->region);
  return skips ? inner : &node;
}

}  // namespace

RegionId ResolveViewRoot(const RegionTable& regions, RegionId root) {
  const RegionNode* node = regions.Find(root);
  // Two aliases of each other could be followed for ever. Rendering refuses them, so any of the
  // regions passed will do.
  for (uint32_t step = 0; node != nullptr && step < kMaxDepth; ++step) {
    const RegionNode* const next = Step(regions, *node);
    if (next == node) break;
    node = next;
  }
  return node != nullptr ? node->id : kNoRegion;
}

}  // namespace flatview::engine
