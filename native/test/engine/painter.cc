#include "test/engine/painter.h"

#include <algorithm>
#include <tuple>

namespace flatview::engine {
namespace {

// The attribute that stands for a flag.
uint32_t Translate(const Region& region, uint32_t flag, uint32_t attribute) {
  return region.Has(flag) ? attribute : 0;
}

}  // namespace

Painter::Painter(const RegionMap& regions) : regions_(regions) {
  for (const auto& [id, region] : regions) subregions_[region.parent].push_back(id);
  for (auto& [parent, children] : subregions_) {
    std::sort(children.begin(), children.end(), [&regions](RegionId a, RegionId b) {
      const Region& left = regions.at(a);
      const Region& right = regions.at(b);
      return std::tie(left.priority, left.sequence) > std::tie(right.priority, right.sequence);
    });
  }
}

std::optional<std::vector<FlatRange>> Painter::Paint(RegionId root) {
  patience_ = 100'000;
  std::vector<FlatRange> view;
  std::vector<RegionId> path;
  for (uint64_t cell = 0; cell < kCells; ++cell) {
    const uint64_t address = cell * kCellSize;
    const auto answer = Ask(root, 0, address, 0);
    if (patience_ < 0) return std::nullopt;
    if (!answer) continue;
    const FlatRange range = {address, address + (kCellSize - 1), answer->offset, answer->region,
                             answer->attributes};
    // Cells of one piece of a region belong together, even if it is unmergeable.
    const bool one_piece = !view.empty() && view.back().last + 1 == address && path == answer->path;
    if (one_piece || (!view.empty() && CanMerge(view.back(), range))) {
      view.back().last = range.last;
    } else {
      view.push_back(range);
    }
    path = answer->path;
  }
  return view;
}

std::optional<Painter::Answer> Painter::Ask(RegionId id, Int128 base, uint64_t address,
                                            uint32_t inherited) {
  const Region& region = regions_.at(id);
  const Int128 size = region.Has(region_flag::kWholeSpace) ? Int128{1} << 64 : Int128{region.size};
  base += region.address;
  if (--patience_ < 0 || path_.size() == kMaxLevels) {
    patience_ = -1;
    return std::nullopt;
  }
  if (!region.Has(region_flag::kEnabled) || address < base || address >= base + size)
    return std::nullopt;
  inherited |= Translate(region, region_flag::kReadonly, range_attribute::kReadonly) |
               Translate(region, region_flag::kNonvolatile, range_attribute::kNonvolatile) |
               Translate(region, region_flag::kUnmergeable, range_attribute::kUnmergeable);
  path_.push_back(id);
  auto answer = AskInside(id, base, address, inherited);
  if (!answer && region.Has(region_flag::kTerminates) && !region.is_alias()) {
    const uint32_t mask = region.flags >> region_flag::kDirtyLogMaskShift & 0xff;
    answer = {.region = id,
              .offset = static_cast<uint64_t>(address - base),
              .attributes = inherited |
                            Translate(region, region_flag::kRomd, range_attribute::kRomd) |
                            mask << range_attribute::kDirtyLogMaskShift,
              .path = path_};
  }
  path_.pop_back();
  return answer;
}

std::optional<Painter::Answer> Painter::AskInside(RegionId id, Int128 base, uint64_t address,
                                                  uint32_t inherited) {
  const Region& region = regions_.at(id);
  if (region.is_alias()) {
    base -= region.alias_offset;
    base -= regions_.at(region.target).address;
    return Ask(region.target, base, address, inherited);
  }
  for (const RegionId child : subregions_[id]) {
    if (auto answer = Ask(child, base, address, inherited)) return answer;
  }
  return std::nullopt;
}

}  // namespace flatview::engine
