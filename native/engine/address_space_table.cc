#include "engine/address_space_table.h"

#include <ranges>

namespace flatview::engine {

const AddressSpace* AddressSpaceTable::Find(AddressSpaceId id) const {
  const auto found = spaces_.find(id);
  return found == spaces_.end() ? nullptr : &found->second;
}

void AddressSpaceTable::Put(const PutAddressSpace& record) {
  const AddressSpace* const known = Find(record.id);
  AddressSpace space = known != nullptr ? *known : AddressSpace{};
  log_.push_back({record.id, known != nullptr, space});
  space.root = record.root;
  space.watched = record.watched;
  space.wants_unchanged = record.wants_unchanged;
  space.removed = false;
  Write(record.id, space);
}

void AddressSpaceTable::Remove(AddressSpaceId id) {
  const AddressSpace* const known = Find(id);
  if (known == nullptr) return;
  AddressSpace space = *known;
  log_.push_back({id, true, space});
  space.root = kNoRegion;
  space.removed = true;
  Write(id, space);
}

void AddressSpaceTable::SetNextViewRoot(AddressSpaceId id, RegionId view_root) {
  const AddressSpace* const known = Find(id);
  if (known == nullptr) return;
  AddressSpace space = *known;
  space.next_view_root = view_root;
  Write(id, space);
}

void AddressSpaceTable::Write(AddressSpaceId id, const AddressSpace& space) {
  const auto [found, is_new] = spaces_.try_emplace(id);
  if (!is_new) RemoveFromIndexes(id, found->second);
  found->second = space;
  AddToIndexes(id, space);
}

void AddressSpaceTable::AddToIndexes(AddressSpaceId id, const AddressSpace& space) {
  if (space.root != kNoRegion) by_root_.insert({space.root, id});
  if (space.watched) watched_by_view_.insert({space.next_view_root, id});
  if (space.wants_unchanged) wanting_unchanged_.insert(id);
}

void AddressSpaceTable::RemoveFromIndexes(AddressSpaceId id, const AddressSpace& space) {
  by_root_.erase({space.root, id});
  watched_by_view_.erase({space.next_view_root, id});
  wanting_unchanged_.erase(id);
}

void AddressSpaceTable::Undo() {
  for (const Change& change : std::views::reverse(log_)) {
    if (change.existed) {
      Write(change.id, change.before);
    } else {
      RemoveFromIndexes(change.id, spaces_[change.id]);
      spaces_.erase(change.id);
    }
  }
}

void AddressSpaceTable::Keep() {
  for (const Change& change : log_) {
    const auto found = spaces_.find(change.id);
    if (found == spaces_.end() || !found->second.removed) continue;
    RemoveFromIndexes(change.id, found->second);
    spaces_.erase(found);
  }
  log_.clear();
}

void AddressSpaceTable::KeepViewRoot(AddressSpaceId id) {
  const auto found = spaces_.find(id);
  if (found != spaces_.end()) found->second.view_root = found->second.next_view_root;
}

}  // namespace flatview::engine
