#include "engine/address_space_table.h"

#include <ranges>
#include <utility>

namespace flatview::engine {

const AddressSpace* AddressSpaceTable::Find(AddressSpaceId id) const {
  const auto found = spaces_.find(id);
  return found == spaces_.end() ? nullptr : &found->second;
}

void AddressSpaceTable::Log(AddressSpaceId id) {
  const AddressSpace* const space = Find(id);
  log_.push_back({id, space != nullptr, space != nullptr ? *space : AddressSpace{}});
}

void AddressSpaceTable::Put(const PutAddressSpace& record) {
  Log(record.id);
  AddressSpace& space = spaces_[record.id];
  space.root = record.root;
  space.watched = record.watched;
  space.wants_unchanged = record.wants_unchanged;
  space.removed = false;
  if (space.view == nullptr) space.view = empty_;
}

void AddressSpaceTable::Remove(AddressSpaceId id) {
  const auto found = spaces_.find(id);
  if (found == spaces_.end()) return;
  Log(id);
  found->second.root = kNoRegion;
  found->second.removed = true;
}

void AddressSpaceTable::Keep() {
  for (auto& [id, space] : spaces_) space.view = std::move(space.next);
  std::erase_if(spaces_, [](const auto& entry) { return entry.second.removed; });
  log_.clear();
}

void AddressSpaceTable::Undo() {
  for (const Change& change : std::views::reverse(log_)) {
    if (change.existed) {
      spaces_[change.id] = change.before;
    } else {
      spaces_.erase(change.id);
    }
  }
  for (auto& [id, space] : spaces_) space.next.reset();
  log_.clear();
}

}  // namespace flatview::engine
