#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/region.h"
#include "engine/status.h"

namespace flatview::engine {

// The region tree as TypeScript describes it: a row for each region, found by its id. What
// rendering needs beside (ChildIndex, Liveness, ViewRoots) is made from the rows, and follows
// changed().
//
// Rows change one at a time, in any order, and in between they may name regions that have no row
// yet: CheckLinks says whether the whole batch makes sense. Every change is logged until Keep or
// Undo, and Undo restores the table exactly.
//
// Thread safety: none; one thread at a time.
//
// Invariants, whenever the log is empty: parents and targets exist; containment has no cycle;
// no region is its own target.
class RegionTable {
 public:
  // What the batch does to one region; the row as it was before.
  struct Change {
    RegionId id = kNoRegion;
    uint32_t record = 0;
    bool existed = false;
    Region before;
  };

  // Ids are below this, which bounds what a single record can make the table allocate.
  static constexpr RegionId kMaxRegions = 1u << 28;

  // Returns the region, or null if there is none.
  const Region* Find(RegionId id) const {
    const Row* const row = FindRow(id);
    return row != nullptr && row->exists ? &row->region : nullptr;
  }

  // Calls `visit(id, region)` for each region, by ascending id.
  template <typename Visit>
  void ForEach(Visit visit) const;

  // A record of the batch being applied asked to hear of unchanged ranges of this region.
  bool IsTouched(RegionId id) const {
    const Row* const row = FindRow(id);
    return row != nullptr && row->touched;
  }

  // Writes the row of region `id`, creating it if there is none. `record` is what a failure of
  // CheckLinks will name. Returns false, and changes nothing, if the id is out of range or belonged
  // to a region that the same batch removed.
  [[nodiscard]] bool Put(RegionId id, const Region& region, bool touched, uint32_t record);

  // Removes the row, if there is one. Returns false, and changes nothing, if the id is out of
  // range.
  [[nodiscard]] bool Remove(RegionId id, uint32_t record);

  // Checks the invariants for everything logged. Refuses with kMalformed and the record at fault.
  Status CheckLinks();

  // The log, oldest first: a region is in it once for each record that changed it.
  std::span<const Change> changes() const { return log_; }

  // Takes back every logged change. The log then says what that changed in turn.
  void Undo();
  // Forgets the log.
  void Keep();

 private:
  struct Row {
    Region region;
    uint32_t users = 0;  // subregions and aliases
    uint32_t mark = 0;   // FindCycle's
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

  const Row* FindRow(RegionId id) const {
    const size_t page = id >> kPageBits;
    if (page >= pages_.size() || pages_[page] == nullptr) return nullptr;
    return &pages_[page]->rows[id & kPageMask];
  }
  Row& At(RegionId id) { return pages_[id >> kPageBits]->rows[id & kPageMask]; }
  const Row& At(RegionId id) const { return pages_[id >> kPageBits]->rows[id & kPageMask]; }
  Row* Make(RegionId id);

  void Log(RegionId id, const Row& row, uint32_t record);
  void Write(RegionId id, Row& row, bool exists, const Region& region);
  void CountUser(const Region& region, uint32_t change);

  bool LinksHold(RegionId id) const;
  const Change* FindCycle();
  bool WalkUp(RegionId id, uint32_t mark);
  void FreeIfEmpty(size_t page);

  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<Change> log_;
  std::vector<size_t> new_pages_;  // since the log was empty
};

template <typename Visit>
void RegionTable::ForEach(Visit visit) const {
  for (size_t page = 0; page < pages_.size(); ++page) {
    if (pages_[page] == nullptr) continue;
    for (size_t i = 0; i <= kPageMask; ++i) {
      const Row& row = pages_[page]->rows[i];
      if (row.exists) visit(static_cast<RegionId>(page << kPageBits | i), row.region);
    }
  }
}

}  // namespace flatview::engine
