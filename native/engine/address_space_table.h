#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "engine/batch.h"
#include "engine/region.h"

namespace flatview::engine {

// An address space: a root region, and the view root (view_root.h) whose view everybody sees, and
// during a commit the one whose view takes its place.
struct AddressSpace {
  RegionId root = kNoRegion;
  bool watched = false;
  bool wants_unchanged = false;
  // By the batch being applied. It stays, with its view, until that is kept.
  bool removed = false;
  RegionId view_root = kNoRegion;
  RegionId next_view_root = kNoRegion;
};

// The address spaces, by ascending id. Changes are logged until Keep or Undo.
//
// Thread safety: none; one thread at a time.
class AddressSpaceTable {
 public:
  struct Change {
    AddressSpaceId id = 0;
    bool existed = false;
    AddressSpace before;
  };

  // Pairs of a region and an address space; those of one region are neighbours.
  using ByRegion = std::set<std::pair<RegionId, AddressSpaceId>>;

  const AddressSpace* Find(AddressSpaceId id) const;
  const std::map<AddressSpaceId, AddressSpace>& spaces() const { return spaces_; }

  // Creates or changes an address space.
  void Put(const PutAddressSpace& record);
  // Removes it, if there is one.
  void Remove(AddressSpaceId id);
  // Gives it another view root when the log is kept. Isn't logged.
  void SetNextViewRoot(AddressSpaceId id, RegionId view_root);

  // Those by their root.
  const ByRegion& by_root() const { return by_root_; }
  // Those that are watched, by their next view root.
  const ByRegion& watched_by_view() const { return watched_by_view_; }
  // Those that want to hear of unchanged ranges.
  const std::set<AddressSpaceId>& wanting_unchanged() const { return wanting_unchanged_; }

  // The log, oldest first.
  std::span<const Change> changes() const { return log_; }

  // Takes back every logged change, which stays in the log.
  void Undo();
  // Forgets the log. What was removed is gone.
  void Keep();
  // Puts the next view root into effect.
  void KeepViewRoot(AddressSpaceId id);

 private:
  void Write(AddressSpaceId id, const AddressSpace& space);
  void AddToIndexes(AddressSpaceId id, const AddressSpace& space);
  void RemoveFromIndexes(AddressSpaceId id, const AddressSpace& space);

  std::map<AddressSpaceId, AddressSpace> spaces_;
  ByRegion by_root_;
  ByRegion watched_by_view_;
  std::set<AddressSpaceId> wanting_unchanged_;
  std::vector<Change> log_;
};

}  // namespace flatview::engine
