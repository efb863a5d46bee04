#include "engine/region_table.h"

#include <ranges>

namespace flatview::engine {

// The node of the id, whether or not its region exists.
const RegionNode* RegionTable::FindNode(RegionId id) const {
  const size_t page = id >> kPageBits;
  if (page >= pages_.size() || pages_[page] == nullptr) return nullptr;
  return &pages_[page]->nodes[id & kPageMask];
}

const RegionNode* RegionTable::Find(RegionId id) const {
  const RegionNode* const node = FindNode(id);
  return node != nullptr && node->exists ? node : nullptr;
}

bool RegionTable::IsTouched(RegionId id) const {
  const RegionNode* const node = FindNode(id);
  return node != nullptr && node->touched;
}

// Null if the id is out of range.
RegionNode* RegionTable::Make(RegionId id) {
  if (id >= kMaxRegions) return nullptr;
  const size_t page = id >> kPageBits;
  if (page >= pages_.size()) pages_.resize(page + 1);
  if (pages_[page] == nullptr) {
    pages_[page] = std::make_unique<Page>();
    new_pages_.push_back(page);
  }
  RegionNode& node = At(id);
  node.id = id;
  return &node;
}

bool RegionTable::Put(RegionId id, const Region& region, bool touched, uint32_t record) {
  RegionNode* const node = Make(id);
  const bool parent_fits = region.parent == kNoRegion || Make(region.parent) != nullptr;
  const bool target_fits = region.target == kNoRegion || Make(region.target) != nullptr;
  if (node == nullptr || !parent_fits || !target_fits || node->removed) return false;
  Log(*node, record);
  if (touched && !node->touched) {
    node->touched = true;
    ++touched_;
  }
  Write(*node, true, region);
  return true;
}

bool RegionTable::Remove(RegionId id, uint32_t record) {
  if (id >= kMaxRegions) return false;
  if (Find(id) == nullptr) return true;
  RegionNode& node = At(id);
  Log(node, record);
  Write(node, false, Region{});
  node.removed = true;
  return true;
}

void RegionTable::Log(const RegionNode& node, uint32_t record) {
  log_.push_back({node.id, record, node.exists, node.region});
}

void RegionTable::Write(RegionNode& node, bool exists, const Region& region) {
  if (node.exists) Unlink(node);
  pages_[node.id >> kPageBits]->count +=
      static_cast<uint32_t>(exists) - static_cast<uint32_t>(node.exists);
  node.exists = exists;
  node.region = region;
  if (node.exists) Link(node);
}

void RegionTable::Link(RegionNode& node) {
  if (node.region.parent != kNoRegion) {
    RegionNode& parent = At(node.region.parent);
    ++parent.subregion_count;
    if (node.region.Has(region_flag::kEnabled)) parent.subregions.Insert(node);
  }
  if (node.region.target != kNoRegion) {
    RegionNode& target = At(node.region.target);
    node.previous_alias = nullptr;
    node.next_alias = target.first_alias;
    if (target.first_alias != nullptr) target.first_alias->previous_alias = &node;
    target.first_alias = &node;
  }
}

void RegionTable::Unlink(RegionNode& node) {
  if (node.region.parent != kNoRegion) {
    RegionNode& parent = At(node.region.parent);
    --parent.subregion_count;
    if (node.region.Has(region_flag::kEnabled)) parent.subregions.Erase(node);
  }
  if (node.region.target != kNoRegion) {
    RegionNode* const next = node.next_alias;
    RegionNode* const previous = node.previous_alias;
    (previous != nullptr ? previous->next_alias : At(node.region.target).first_alias) = next;
    if (next != nullptr) next->previous_alias = previous;
  }
}

bool RegionTable::LinksHold(const RegionNode& node) const {
  if (!node.exists) return node.subregion_count == 0 && node.first_alias == nullptr;
  const Region& region = node.region;
  return LinkHolds(region.parent) && LinkHolds(region.target) && region.target != node.id;
}

Status RegionTable::CheckLinks() {
  for (const Change& change : log_) {
    if (!LinksHold(At(change.id))) return {Refusal::kMalformed, change.record};
  }
  if (const Change* const change = FindCycle()) return {Refusal::kMalformed, change->record};
  return {};
}

// A new cycle runs through a region whose parent changed. Walks up from each of these, and stops
// where an earlier walk has been, so that all walks together visit no region twice.
const RegionTable::Change* RegionTable::FindCycle() {
  const Change* found = nullptr;
  const auto moved = [this](const Change& change) {
    const RegionNode& node = At(change.id);
    const RegionId before = change.existed ? change.before.parent : kNoRegion;
    return node.exists && node.region.parent != before;
  };
  for (uint32_t i = 0; i < log_.size() && found == nullptr; ++i) {
    if (moved(log_[i]) && !WalkUp(log_[i].id, i + 1)) found = &log_[i];
  }
  for (const Change& change : log_) {
    for (RegionId id = change.id; id != kNoRegion && At(id).walk != 0; id = At(id).region.parent) {
      At(id).walk = 0;
    }
  }
  return found;
}

// Returns false if the way up from `id` comes back on itself.
bool RegionTable::WalkUp(RegionId id, uint32_t walk) {
  for (; id != kNoRegion; id = At(id).region.parent) {
    RegionNode& node = At(id);
    if (node.walk != 0) return node.walk != walk;
    node.walk = walk;
  }
  return true;
}

void RegionTable::Keep() { ForgetBatch(); }

void RegionTable::Undo() {
  for (const Change& change : std::views::reverse(log_)) {
    Write(At(change.id), change.existed, change.before);
  }
  ForgetBatch();
}

void RegionTable::ForgetBatch() {
  for (const Change& change : log_) {
    At(change.id).removed = false;
    At(change.id).touched = false;
  }
  for (const Change& change : log_) FreeIfEmpty(change.id >> kPageBits);
  // Those that were made only because a refused record named a region on them.
  for (const size_t page : new_pages_) FreeIfEmpty(page);
  log_.clear();
  new_pages_.clear();
  touched_ = 0;
}

void RegionTable::FreeIfEmpty(size_t page) {
  if (pages_[page] != nullptr && pages_[page]->count == 0) pages_[page].reset();
}

}  // namespace flatview::engine
