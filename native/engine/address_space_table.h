#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "engine/batch.h"
#include "engine/flat_view.h"

namespace flatview::engine {

// An address space: a root region, the view that everybody sees, and during a commit the view that
// takes its place.
struct AddressSpace {
  RegionId root = kNoRegion;
  bool watched = false;
  bool wants_unchanged = false;
  // By the batch being applied. It stays, with its view, until that is kept.
  bool removed = false;
  std::shared_ptr<const FlatView> view;
  std::shared_ptr<const FlatView> next;
};

// The address spaces, by ascending id. Changes are logged until Keep or Undo.
//
// Thread safety: none; one thread at a time.
class AddressSpaceTable {
 public:
  using Map = std::map<AddressSpaceId, AddressSpace>;

  // `empty` is the view of an address space before its first commit.
  explicit AddressSpaceTable(std::shared_ptr<const FlatView> empty) : empty_(std::move(empty)) {}

  Map& spaces() { return spaces_; }
  const Map& spaces() const { return spaces_; }
  const AddressSpace* Find(AddressSpaceId id) const;

  // Creates or changes an address space.
  void Put(const PutAddressSpace& record);
  // Removes it, if there is one.
  void Remove(AddressSpaceId id);

  // Forgets the log, and puts every `next` in the place of `view`.
  void Keep();
  // Takes back every logged change, and forgets every `next`.
  void Undo();

 private:
  struct Change {
    AddressSpaceId id = 0;
    bool existed = false;
    AddressSpace before;
  };

  void Log(AddressSpaceId id);

  std::shared_ptr<const FlatView> empty_;
  Map spaces_;
  std::vector<Change> log_;
};

}  // namespace flatview::engine
