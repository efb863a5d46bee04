#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/region.h"
#include "engine/status.h"

namespace flatview::engine {

// The region tree: a row for each region, found by its id, with the links that rendering follows.
//
// Rows change one at a time, in any order, and in between they may name regions that have no row
// yet: CheckLinks says whether the whole batch makes sense. Every change is logged until Keep or
// Undo, and Undo restores the table exactly.
//
// Thread safety: none; one thread at a time.
//
// Invariants, whenever the log is empty: parents and targets exist; containment has no cycle;
// no region is its own target; each region is in the list of its parent and of its target.
class RegionTable {
 public:
  // Ids are below this, which bounds what a single record can make the table allocate.
  static constexpr RegionId kMaxRegions = 1u << 28;

  // Returns the region, or null if there is none.
  const Region* Find(RegionId id) const;

  // The regions inside `parent`, lowest precedence first: the last one is painted first.
  // REQUIRES: the region exists.
  std::span<const RegionId> Subregions(RegionId parent) const;

  // A record of the batch being applied asked to hear of unchanged ranges of this region.
  bool IsTouched(RegionId id) const;
  // Whether any record of the batch did.
  bool AnyTouched() const { return touched_ != 0; }

  // Writes the row of region `id`, creating it if there is none. `record` is what a failure of
  // CheckLinks will name. Returns false, and changes nothing, if the id is out of range or belonged
  // to a region that the same batch removed.
  [[nodiscard]] bool Put(RegionId id, const Region& region, bool touched, uint32_t record);

  // Removes the row, if there is one. Returns false, and changes nothing, if the id is out of
  // range.
  [[nodiscard]] bool Remove(RegionId id, uint32_t record);

  // Checks the invariants for everything logged. Refuses with kMalformed and the record at fault.
  Status CheckLinks();

  // Forgets the log: its changes stay.
  void Keep();
  // Takes back every logged change.
  void Undo();

 private:
  struct Row {
    Region region;
    std::vector<RegionId> subregions;  // by precedence, lowest first
    // A list of the aliases of each region runs through the rows of the aliases.
    RegionId first_alias = kNoRegion;
    RegionId next_alias = kNoRegion;
    RegionId previous_alias = kNoRegion;
    uint32_t mark = 0;  // FindCycle's
    bool exists = false;
    bool removed = false;  // by the present batch
    bool touched = false;  // by the present batch
  };

  static constexpr uint32_t kPageBits = 8;
  static constexpr uint32_t kPageMask = (1u << kPageBits) - 1;
  struct Page {
    std::array<Row, 1u << kPageBits> rows;
    uint32_t count = 0;  // of rows that exist
  };

  struct Change {
    RegionId id = kNoRegion;
    uint32_t record = 0;
    bool existed = false;
    Region before;
  };

  const Row* FindRow(RegionId id) const;
  Row& At(RegionId id) { return pages_[id >> kPageBits]->rows[id & kPageMask]; }
  const Row& At(RegionId id) const { return pages_[id >> kPageBits]->rows[id & kPageMask]; }
  Row* Make(RegionId id);

  void Log(RegionId id, const Row& row, uint32_t record);
  void Write(RegionId id, Row& row, bool exists, const Region& region);
  void Link(RegionId id, Row& row);
  void Unlink(RegionId id, Row& row);
  bool Precedes(RegionId a, RegionId b) const;

  bool LinksHold(RegionId id) const;
  const Change* FindCycle();
  bool WalkUp(RegionId id, uint32_t mark);
  void ForgetBatch();
  void FreeIfEmpty(size_t page);

  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<Change> log_;
  std::vector<size_t> new_pages_;  // since the log was empty
  uint32_t touched_ = 0;
};

}  // namespace flatview::engine
