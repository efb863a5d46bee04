#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/address_space_table.h"
#include "engine/batch.h"
#include "engine/change_stream.h"
#include "engine/flat_view.h"
#include "engine/region_table.h"
#include "engine/render.h"
#include "engine/status.h"

namespace flatview::engine {

// The engine of one memory topology: the region tree, and the flat views that its address spaces
// show. A commit changes them all or not at all:
//
//   1. the batch changes RegionTable and AddressSpaceTable, which log it;
//   2. each address space resolves to a view root, and address spaces with the same one share a
//   view;
//   3. the Renderer makes each view anew; where its ranges are what they were, the old one stays;
//   4. the ChangeStream says what differs between old and new views;
//   5. Publish forgets the logs, or Rollback plays them backwards.
//
// Thread safety: one thread at a time. A FlatView that View() gave away may be read by any thread,
// and outlives the engine.
class Engine {
 public:
  // `budget` is what each commit may cost.
  explicit Engine(const RenderBudget& budget = {}) : budget_(budget) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Applies the records, renders, and finds what changed. `records` is a whole number of them. On
  // success the changes can be read from changes(), and the commit is pending: View() still shows
  // the old views, until Publish or Rollback. When refused, nothing has changed.
  // REQUIRES: !pending().
  Status Commit(std::span<const std::byte> records);

  // Makes the pending commit's views the present ones. REQUIRES: pending().
  void Publish();
  // Undoes the pending commit: every row and view is again what it was. REQUIRES: pending().
  void Rollback();

  bool pending() const { return pending_; }

  // The last commit's changes, until the next commit.
  std::span<const uint64_t> changes() const { return changes_.words(); }

  // What an address space shows, or null if there is no such address space.
  std::shared_ptr<const FlatView> View(AddressSpaceId space) const;

 private:
  using ViewsByRoot = std::unordered_map<RegionId, std::shared_ptr<const FlatView>>;

  Status Prepare(std::span<const std::byte> records);
  Status ApplyRecords(std::span<const std::byte> records);
  bool Apply(const Record& record, uint32_t index);
  Status CheckRoots(std::span<const std::byte> records) const;
  Status RenderViews();
  Status RenderView(RegionId root, RenderBudget& budget, std::shared_ptr<const FlatView>& view);
  void FindChanges();
  void Undo();

  std::shared_ptr<const FlatView> empty_view_ = std::make_shared<const FlatView>();
  RegionTable regions_;
  AddressSpaceTable spaces_{empty_view_};
  // The view of each view root: the present ones, and the pending commit's.
  ViewsByRoot views_;
  ViewsByRoot next_views_;
  uint64_t last_serial_ = 0;
  bool pending_ = false;
  ChangeStream changes_;
  const RenderBudget budget_;
  Renderer renderer_{regions_};
  std::vector<FlatRange> rendered_;
};

}  // namespace flatview::engine
