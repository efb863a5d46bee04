#include "engine/propagation.h"

#include <algorithm>
#include <optional>

namespace flatview::engine {
namespace {

bool Contains(const AddressRange& outer, const AddressRange& inner) {
  return outer.first <= inner.first && inner.last <= outer.last;
}

Int128 SizeOf(const Region& region) {
  return region.Has(region_flag::kWholeSpace) ? Int128{1} << 64 : Int128{region.size};
}

bool SamePlace(const Region& a, const Region& b) {
  return a.parent == b.parent && a.address == b.address && a.priority == b.priority &&
         a.sequence == b.sequence;
}

bool SameContent(const Region& a, const Region& b) {
  constexpr uint32_t kSize = region_flag::kWholeSpace;
  return (a.flags | kSize) == (b.flags | kSize) && a.target == b.target &&
         a.alias_offset == b.alias_offset;
}

// The bytes from `first` up to `end`, if there are any.
std::optional<AddressRange> Part(Int128 first, Int128 end) {
  return Clip(first, end - 1, kAllAddresses);
}

}  // namespace

bool CarriedRanges::Add(AddressRange& range, const AddressRange& whole) {
  for (const AddressRange& known : ranges_) {
    if (Contains(known, range)) return false;
  }
  if (ranges_.size() == kMaxRanges) {
    for (const AddressRange& known : ranges_) {
      range = {std::min(range.first, known.first), std::max(range.last, known.last)};
    }
    ranges_.clear();
    if (++hulls_ > kMaxHulls) range = whole;
  }
  ranges_.push_back(range);
  return true;
}

std::span<const Propagation::Window> Propagation::Run(
    std::span<const RegionTable::Change> changes) {
  windows_.clear();
  for (const RegionTable::Change& change : changes) CarryChange(change);
  while (!pending_.empty()) {
    const auto [id, part] = pending_.back();
    pending_.pop_back();
    CarryShown(id, part);
    if (children_.ContainerOf(id) != kNoRegion) CarryPlace(*regions_.Find(id), part);
  }
  ForgetCarried();
  return windows_;
}

void Propagation::CarryChange(const RegionTable::Change& change) {
  const Region none{};
  const Region& before = change.existed ? change.before : none;
  const Region* const row = regions_.Find(change.id);
  const Region& after = row != nullptr ? *row : none;
  const bool was_enabled = before.Has(region_flag::kEnabled);
  const bool is_enabled = after.Has(region_flag::kEnabled);
  if (!was_enabled && !is_enabled) return;

  const Int128 old_size = SizeOf(before);
  const Int128 new_size = SizeOf(after);
  const bool other_content =
      !SameContent(before, after) || regions_.IsTouched(change.id) || row == nullptr;
  const auto inside =
      Part(other_content ? 0 : std::min(old_size, new_size), std::max(old_size, new_size));
  if (inside) CarryShown(change.id, *inside);
  if (SamePlace(before, after)) {
    if (inside) CarryPlace(after, *inside);
    return;
  }
  const auto old_part = Part(0, old_size);
  const auto new_part = Part(0, new_size);
  if (was_enabled && old_part) CarryPlace(before, *old_part);
  if (is_enabled && new_part) CarryPlace(after, *new_part);
  if (before.address == after.address || !liveness_.IsViewRoot(change.id)) return;
  if (old_part) AddWindow(change.id, before.address, *old_part);
  if (new_part) AddWindow(change.id, after.address, *new_part);
}

// Carries `part` of a region into its container.
void Propagation::CarryPlace(const Region& region, const AddressRange& part) {
  if (region.parent == kNoRegion) return;
  const Int128 address = region.address;
  CarryInto(region.parent, address + part.first, address + part.last);
}

// Carries `part` of a region to what shows it otherwise: its view, and the aliases of it.
void Propagation::CarryShown(RegionId id, const AddressRange& part) {
  if (liveness_.IsViewRoot(id)) AddWindow(id, regions_.Find(id)->address, part);
  liveness_.ForEachAlias(id, part, [&](RegionId alias, const AddressRange& window) {
    CarryInto(alias, Int128{part.first} - window.first, Int128{part.last} - window.first);
  });
}

// Something changed in the bytes from `first` to `last` of a region.
void Propagation::CarryInto(RegionId id, Int128 first, Int128 last) {
  const Region* const region = regions_.Find(id);
  if (region == nullptr || region->is_empty() || !region->Has(region_flag::kEnabled)) return;
  if (!liveness_.IsLive(id)) return;
  const AddressRange whole = {0, region->last_offset()};
  auto part = Clip(first, last, whole);
  if (!part || !CarriedThrough(id).Add(*part, whole)) return;
  pending_.emplace_back(id, *part);
}

CarriedRanges& Propagation::CarriedThrough(RegionId id) {
  if (const uint32_t* const known = carried_index_.Find(id)) return carried_[*known];
  const size_t index = carried_regions_.size();
  carried_index_.Use(id) = static_cast<uint32_t>(index);
  carried_regions_.push_back(id);
  if (index == carried_.size()) carried_.emplace_back();
  return carried_[index];
}

void Propagation::ForgetCarried() {
  for (size_t i = 0; i < carried_regions_.size(); ++i) {
    carried_index_.Drop(carried_regions_[i]);
    carried_[i].Clear();
  }
  carried_regions_.clear();
}

void Propagation::AddWindow(RegionId root, uint64_t address, const AddressRange& part) {
  const Int128 base = address;
  const auto window = Clip(base + part.first, base + part.last, kAllAddresses);
  if (window) windows_.emplace_back(root, *window);
}

}  // namespace flatview::engine
