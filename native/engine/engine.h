#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "engine/address_space_table.h"
#include "engine/batch.h"
#include "engine/change_report.h"
#include "engine/change_stream.h"
#include "engine/child_index.h"
#include "engine/liveness.h"
#include "engine/propagation.h"
#include "engine/region_names.h"
#include "engine/region_table.h"
#include "engine/render.h"
#include "engine/status.h"
#include "engine/view_channel.h"
#include "engine/view_publisher.h"
#include "engine/view_root_index.h"
#include "engine/view_table.h"
#include "engine/view_update.h"

namespace flatview::engine {

// The engine of one memory topology: the region tree, and the flat views that its address spaces
// show. A commit changes them all or not at all, and costs what it changes, however large the rest:
//
//   RegionTable, AddressSpaceTable        what TypeScript says, record by record
//   ChildIndex, ViewRootIndex, Liveness   what follows from it, kept in step
//   Propagation                           the windows of the views where something may change
//   WindowRenderer, ViewUpdate            what shows there now, spliced into the views
//   ChangeReport, ChangeStream            what that changes, for who watches
//
// Thread safety: one thread at a time. A FlatView that View() gave away may be read by any thread,
// and outlives the engine; so does a ViewChannel, through which other threads find the newest
// views.
class Engine {
 public:
  struct Options {
    // What each commit may cost.
    RenderBudget budget;
    // Render all views from scratch at each commit, too, and compare. Refuses with
    // Refusal::kSelfCheck where they differ.
    bool self_check = false;
  };

  Engine() = default;
  explicit Engine(const Options& options) : options_(options) {}
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

  // What the self-check found last, as an English sentence.
  const std::string& self_check_message() const { return self_check_message_; }

  // What an address space shows, or null if there is no such address space.
  FlatViewPtr View(AddressSpaceId space) const;

  // Where readers on other threads (view_reader.h) find what an address space shows, from now on
  // until it is removed, or its root taken away. Null if there is no such address space.
  // REQUIRES: !pending().
  std::shared_ptr<ViewChannel> Channel(AddressSpaceId space);

  // What readers are to call the regions that views show which are published from now on.
  void UseNames(std::shared_ptr<const RegionNames> names) { publisher_.UseNames(std::move(names)); }

  // How many commits were published.
  uint64_t generation() const { return generation_; }

 private:
  Status Prepare(std::span<const std::byte> records);
  Status ApplyRecords(std::span<const std::byte> records);
  bool Apply(const Record& record, uint32_t index);
  Status CheckRoots(std::span<const std::byte> records) const;
  void FollowTree();
  Status UpdateViews();
  Status SelfCheck(const Status& status);
  void Undo();

  const Options options_{};
  RegionTable regions_;
  AddressSpaceTable spaces_;
  ChildIndex children_{regions_};
  ViewRootIndex view_roots_{regions_, children_, spaces_};
  Liveness liveness_{regions_, children_};
  Propagation propagation_{regions_, children_, liveness_};
  IndexedSubregions subregions_{children_};
  WindowRenderer renderer_{regions_, subregions_};
  ViewUpdate view_update_{renderer_};
  ViewTable views_;
  ChangeReport report_{regions_, spaces_, views_};
  ChangeStream changes_;
  ViewPublisher publisher_;
  uint64_t generation_ = 0;
  bool pending_ = false;
  std::string self_check_message_;
};

}  // namespace flatview::engine
