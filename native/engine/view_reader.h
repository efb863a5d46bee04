#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "engine/flat_range.h"
#include "engine/view_channel.h"

namespace flatview::engine {

// Reads the newest views of one address space while the engine's thread commits, such as on the
// thread of a virtual processor:
//
//   ViewReader reader(engine.Channel(space));     // before the thread runs
//   while (...) {
//     ...                                         // the guest runs, and exits
//     const std::optional<FlatRange> range = reader.Lookup(address);
//   }
//
// It holds the view that it saw last, until it looks again and finds a newer one. A reader that
// won't look again for long had better Leave, so that the memory can be freed.
//
// When the address space is removed, or the engine destroyed, there is nothing to find any more,
// and end() says why.
//
// Thread safety: one thread at a time. It is made and destroyed on any thread, before or after the
// engine is destroyed.
class ViewReader {
 public:
  // REQUIRES: `channel` is not null.
  explicit ViewReader(std::shared_ptr<ViewChannel> channel)
      : channel_(std::move(channel)), slot_(channel_->TakeSlot()) {}
  ~ViewReader() { ViewChannel::GiveBack(slot_); }
  ViewReader(const ViewReader&) = delete;
  ViewReader& operator=(const ViewReader&) = delete;

  // The newest view: all that is asked of it is of one time. Null when there is none any more.
  // It stays until the next call of any of these. Costs a comparison, where nothing was published.
  const PublishedView* Enter() {
    if (channel_->current() != held_) {
      held_ = channel_->HoldNewest(slot_);
      Remember(held_ != nullptr ? held_->view->At(0) : FlatTree::Hole(0, kLastAddress));
    }
    return held_;
  }

  // Holds nothing. The next call of Enter or Lookup costs two atomic exchanges more.
  void Leave() {
    held_ = nullptr;
    Remember(FlatTree::Hole(0, kLastAddress));
    ViewChannel::HoldNothing(slot_);
  }

  // The range that holds `address` in the newest view.
  std::optional<FlatRange> Lookup(uint64_t address) {
    const FlatRange found = At(address);
    return found.region != kNoRegion ? std::optional(found) : std::nullopt;
  }

  // The same; if there is no such range, the hole there (FlatTree::Hole).
  FlatRange At(uint64_t address) {
    const PublishedView* const newest = Enter();
    // Accesses come in runs, also those that nothing answers. One comparison: whether an address is
    // above some other one can't be predicted.
    if (address - recent_.first <= recent_length_) return recent_;
    const FlatRange found = newest->view->At(address);
    Remember(found);
    return found;
  }

  // Why there is nothing to find any more, if so.
  ViewChannel::End end() const { return channel_->end(); }

 private:
  void Remember(const FlatRange& found) {
    recent_ = found;
    recent_length_ = found.last - found.first;
  }

  const std::shared_ptr<ViewChannel> channel_;
  ViewChannel::Slot& slot_;
  // What is in the slot.
  const PublishedView* held_ = nullptr;
  // The range or the hole found last, of that view; without a view, a hole that is everywhere.
  FlatRange recent_ = FlatTree::Hole(0, kLastAddress);
  uint64_t recent_length_ = kLastAddress;  // its last address less its first
};

}  // namespace flatview::engine
