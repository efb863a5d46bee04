#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "engine/address_space_table.h"
#include "engine/view_channel.h"
#include "engine/view_root_index.h"
#include "engine/view_table.h"

namespace flatview::engine {

// The channels of the address spaces that somebody reads from other threads. A commit touches those
// whose view it changes.
//
// Thread safety: none; one thread at a time. What it returns is another matter.
class ViewPublisher {
 public:
  ViewPublisher() = default;
  // Closes every channel.
  ~ViewPublisher();
  ViewPublisher(const ViewPublisher&) = delete;
  ViewPublisher& operator=(const ViewPublisher&) = delete;

  // Published with all views from now on.
  void UseNames(std::shared_ptr<const RegionNames> names) { names_ = std::move(names); }

  // The channel of an address space, which shows `view_root`; if there is none yet, it begins with
  // `view`, which the commit `generation` or an earlier one made.
  std::shared_ptr<ViewChannel> Channel(AddressSpaceId space, RegionId view_root,
                                       const FlatViewPtr& view, uint64_t generation);

  // Publishes the next views of `views`, which the commit `generation` made.
  void Publish(const AddressSpaceTable& spaces, const ViewRootIndex& view_roots,
               const ViewTable& views, uint64_t generation);

 private:
  struct Entry {
    RegionId view_root = kNoRegion;
    std::shared_ptr<ViewChannel> channel;
  };

  void CloseRemoved(const AddressSpaceTable& spaces);

  std::shared_ptr<const RegionNames> names_;
  std::map<AddressSpaceId, Entry> channels_;
  std::set<std::pair<RegionId, AddressSpaceId>> by_view_root_;
};

}  // namespace flatview::engine
