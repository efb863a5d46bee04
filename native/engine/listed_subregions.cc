#include "engine/listed_subregions.h"

#include <algorithm>
#include <tuple>

namespace flatview::engine {

ListedSubregions::ListedSubregions(const RegionTable& regions) {
  regions.ForEach([this](RegionId id, const Region& region) {
    if (region.parent != kNoRegion && region.Has(region_flag::kEnabled)) {
      lists_[region.parent].push_back(id);
    }
  });
  const auto above = [&regions](RegionId a, RegionId b) {
    const Region& left = *regions.Find(a);
    const Region& right = *regions.Find(b);
    return std::tie(left.priority, left.sequence, a) > std::tie(right.priority, right.sequence, b);
  };
  for (auto& [container, list] : lists_) std::sort(list.begin(), list.end(), above);
}

EnabledChildren ListedSubregions::ChildrenOf(RegionId container) const {
  const auto found = lists_.find(container);
  if (found == lists_.end()) return {};
  return {found->second.front(), found->second.size() > 1};
}

void ListedSubregions::Enter(RegionId container, Int128 base, const AddressRange& clip) {
  const auto found = lists_.find(container);
  levels_.push_back({found != lists_.end() ? &found->second : nullptr, 0});
}

RegionId ListedSubregions::Next() {
  Level& level = levels_.back();
  if (level.list != nullptr && level.next < level.list->size()) return (*level.list)[level.next++];
  levels_.pop_back();
  return kNoRegion;
}

RegionId ResolveViewRoot(const RegionTable& regions, const ListedSubregions& subregions,
                         RegionId root) {
  for (uint32_t step = 0; root != kNoRegion && step < kMaxViewRootSteps; ++step) {
    const RegionId next = StepToViewRoot(regions, root, subregions.ChildrenOf(root));
    if (next == root) break;
    root = next;
  }
  return root;
}

}  // namespace flatview::engine
