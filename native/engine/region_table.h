#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/region.h"
#include "engine/region_node.h"
#include "engine/status.h"

namespace flatview::engine {

// The region tree: a node for each region, found by its id, with the links that rendering follows.
//
// Regions change one at a time, in any order, and in between they may name regions that don't exist
// yet: CheckLinks says whether the whole batch makes sense. Every change is logged until Keep or
// Undo, and Undo restores the table exactly.
//
// Thread safety: none; one thread at a time.
//
// Invariants, whenever the log is empty: parents and targets exist; containment has no cycle; no
// region is its own target; each region is among the aliases of its target and, if it is enabled,
// among the subregions of its parent.
class RegionTable {
 public:
  // Ids are below this, which bounds what a single record can make the table allocate.
  static constexpr RegionId kMaxRegions = 1u << 28;

  // Returns the region, or null if there is none. The address of a region stays the same.
  const RegionNode* Find(RegionId id) const;

  // Whether a record of the batch being applied asked to hear of unchanged ranges of the region, or
  // of any region at all.
  bool IsTouched(RegionId id) const;
  bool AnyTouched() const { return touched_ != 0; }

  // Creates or changes a region. `record` is what a failure of CheckLinks will name. Returns false,
  // and changes nothing, if an id is out of range, or belonged to a region that the same batch
  // removed.
  [[nodiscard]] bool Put(RegionId id, const Region& region, bool touched, uint32_t record);

  // Removes the region, if there is one. Returns false, and changes nothing, if the id is out of
  // range.
  [[nodiscard]] bool Remove(RegionId id, uint32_t record);

  // Checks the invariants for everything logged. Refuses with kMalformed and the record at fault.
  Status CheckLinks();

  // Forgets the log: its changes stay.
  void Keep();
  // Takes back every logged change.
  void Undo();

 private:
  static constexpr uint32_t kPageBits = 8;
  static constexpr uint32_t kPageMask = (1u << kPageBits) - 1;
  struct Page {
    std::array<RegionNode, 1u << kPageBits> nodes;
    uint32_t count = 0;  // of regions that exist
  };

  struct Change {
    RegionId id = kNoRegion;
    uint32_t record = 0;
    bool existed = false;
    Region before;
  };

  const RegionNode* FindNode(RegionId id) const;
  RegionNode& At(RegionId id) { return pages_[id >> kPageBits]->nodes[id & kPageMask]; }
  RegionNode* Make(RegionId id);

  void Log(const RegionNode& node, uint32_t record);
  void Write(RegionNode& node, bool exists, const Region& region);
  void Link(RegionNode& node);
  void Unlink(RegionNode& node);

  bool LinksHold(const RegionNode& node) const;
  bool LinkHolds(RegionId id) const { return id == kNoRegion || Find(id) != nullptr; }
  const Change* FindCycle();
  bool WalkUp(RegionId id, uint32_t walk);
  void ForgetBatch();
  void FreeIfEmpty(size_t page);

  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<Change> log_;
  std::vector<size_t> new_pages_;  // since the log was empty
  uint32_t touched_ = 0;
};

}  // namespace flatview::engine
