#include "engine/region_table.h"

#include <ranges>

namespace flatview::engine {

// The row, whether or not its region exists: others may already be linked to it.
RegionTable::Row* RegionTable::Make(RegionId id) {
  if (id >= kMaxRegions) return nullptr;
  const size_t page = id >> kPageBits;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (pages_[page] == nullptr) {
    pages_[page] = std::make_unique<Page>();
    new_pages_.push_back(page);
  }
  return &pages_[page]->rows[id & kPageMask];
}

bool RegionTable::Put(RegionId id, const Region& region, bool touched, uint32_t record) {
  Row* const row = Make(id);
  const bool parent_fits = region.parent == kNoRegion || Make(region.parent) != nullptr;
  const bool target_fits = region.target == kNoRegion || Make(region.target) != nullptr;
  if (row == nullptr || !parent_fits || !target_fits || row->removed) return false;
  Log(id, *row, record);
  row->touched = row->touched || touched;
  Write(id, *row, true, region);
  return true;
}

bool RegionTable::Remove(RegionId id, uint32_t record) {
  if (id >= kMaxRegions) return false;
  if (Find(id) == nullptr) return true;
  Row& row = At(id);
  Log(id, row, record);
  Write(id, row, false, Region{});
  row.removed = true;
  return true;
}

void RegionTable::Log(RegionId id, const Row& row, uint32_t record) {
  log_.push_back({.id = id, .record = record, .existed = row.exists, .before = row.region});
}

void RegionTable::Write(RegionId id, Row& row, bool exists, const Region& region) {
  if (row.exists) CountUser(row.region, -1u);
  pages_[id >> kPageBits]->count +=
      static_cast<uint32_t>(exists) - static_cast<uint32_t>(row.exists);
  row.exists = exists;
  row.region = region;
  if (row.exists) CountUser(row.region, 1);
}

// Counts a region as one more, or one fewer, user of its parent and its target.
void RegionTable::CountUser(const Region& region, uint32_t change) {
  if (region.parent != kNoRegion) At(region.parent).users += change;
  if (region.target != kNoRegion) At(region.target).users += change;
}

bool RegionTable::LinksHold(RegionId id) const {
  const Row& row = At(id);
  if (!row.exists) return row.users == 0;
  const Region& region = row.region;
  const bool parent_holds = region.parent == kNoRegion || Find(region.parent) != nullptr;
  const bool target_holds =
      region.target == kNoRegion || (region.target != id && Find(region.target) != nullptr);
  return parent_holds && target_holds;
}

Status RegionTable::CheckLinks() {
  for (const Change& change : log_) {
    if (!LinksHold(change.id)) return {Refusal::kMalformed, change.record};
  }
  if (const Change* const change = FindCycle()) return {Refusal::kMalformed, change->record};
  return {};
}

// A new cycle runs through a region whose parent changed. Walks up from each of these, and stops
// where an earlier walk has been, so that all walks together visit no region twice.
const RegionTable::Change* RegionTable::FindCycle() {
  const Change* found = nullptr;
  const auto moved = [this](const Change& change) {
    const Row& row = At(change.id);
    const RegionId before = change.existed ? change.before.parent : kNoRegion;
    return row.exists && row.region.parent != before;
  };
  for (uint32_t i = 0; i < log_.size() && found == nullptr; ++i) {
    if (moved(log_[i]) && !WalkUp(log_[i].id, i + 1)) found = &log_[i];
  }
  for (const Change& change : log_) {
    for (RegionId id = change.id; id != kNoRegion && At(id).mark != 0; id = At(id).region.parent) {
      At(id).mark = 0;
    }
  }
  return found;
}

// Returns false if the way up from `id` comes back on itself.
bool RegionTable::WalkUp(RegionId id, uint32_t mark) {
  for (; id != kNoRegion; id = At(id).region.parent) {
    Row& row = At(id);
    if (row.mark != 0) return row.mark != mark;
    row.mark = mark;
  }
  return true;
}

void RegionTable::Undo() {
  for (Change& change : std::views::reverse(log_)) {
    Row& row = At(change.id);
    const Change undone = {change.id, change.record, row.exists, row.region};
    Write(change.id, row, change.existed, change.before);
    change = undone;
  }
}

void RegionTable::Keep() {
  for (const Change& change : log_) {
    At(change.id).removed = false;
    At(change.id).touched = false;
  }
  for (const Change& change : log_) FreeIfEmpty(change.id >> kPageBits);
  // Those that were made only because a refused record named a region on them.
  for (const size_t page : new_pages_) FreeIfEmpty(page);
  log_.clear();
  new_pages_.clear();
}

void RegionTable::FreeIfEmpty(size_t page) {
  if (pages_[page] != nullptr && pages_[page]->count == 0) pages_[page].reset();
}

}  // namespace flatview::engine
