#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/flat_view.h"
#include "engine/region_names.h"

namespace flatview::engine {

// What readers of an address space see at one time.
struct PublishedView {
  FlatViewPtr view;
  // Of the commit that made it. Later ones are greater.
  uint64_t generation;
  // Those of the regions that it shows; null if the embedder gave no names.
  std::shared_ptr<const RegionNames> names{};
};

// Where the engine publishes the views of one address space, and any number of readers on any
// threads (view_reader.h) find the newest. No thread ever waits for another: there is no lock, and
// no loop that another thread can keep from ending.
//
// Each reader has a slot, in which it holds one view. The engine frees a replaced view when it
// finds it in no slot:
//
//   reader                                       engine
//   1. slot = kChoosing                          1. current = the new view
//   2. view = current                            2. for each slot: kChoosing becomes the new view
//   3. slot: kChoosing becomes view; unless      3. frees every replaced view that was in no slot
//      the engine has chosen, which counts
//
// Invariants, in the single order that all threads see these steps take place in (they are
// memory_order_seq_cst, and a slot is in the list before its first step):
//
// - What a reader holds is alive. Either reader's 2 is after engine's 1, and reads the new view; or
//   it is before, and so is reader's 1: then engine's 2 finds kChoosing, and decides, or finds that
//   the reader's 3 is done, and keeps what is in the slot.
// - What a reader finds when it asks is the newest at that time, or newer.
// - As many replaced views are kept as there are readers, at most. A reader that stops, or is
// stopped,
//   keeps its one view, and nobody else waits.
//
// A reader that holds the newest view sees that by comparing pointers: a view that is held isn't
// freed, so no other can have its address.
//
// Thread safety: Publish, Close and retired_count are for one thread at a time, the engine's. The
// last owner, on whatever thread, destroys it, with every view.
class ViewChannel {
 public:
  // Why there is nothing to see any more.
  enum class End : uint8_t { kNone, kAddressSpaceRemoved, kEngineDestroyed };

  explicit ViewChannel(PublishedView view);
  ~ViewChannel();
  ViewChannel(const ViewChannel&) = delete;
  ViewChannel& operator=(const ViewChannel&) = delete;

  // Has readers see `view` from now on, unless it is the one that they see. REQUIRES: open.
  void Publish(PublishedView view);

  // Has readers see nothing from now on, and know why.
  void Close(End end);

  // Any thread. Whether it is closed, and why.
  End end() const { return end_.load(std::memory_order_acquire); }

  // How many replaced views are kept, because readers hold them.
  size_t retired_count() const { return retired_.size(); }

 private:
  friend class ViewReader;
  friend class ViewChannelSteps;  // a test, which takes them one at a time in every order

  static constexpr size_t kCacheLine = 64;

  // A reader's: what it holds. Slots are used again, and freed with the channel.
  struct alignas(kCacheLine) Slot {
    std::atomic<const PublishedView*> held = nullptr;
    std::atomic<bool> taken = true;
    Slot* next = nullptr;
  };

  // In a slot: its reader is about to hold the newest view.
  static const PublishedView kChoosing;

  // For readers, each with its own slot.
  Slot& TakeSlot();
  static void GiveBack(Slot& slot);
  const PublishedView* current() const { return current_.load(std::memory_order_acquire); }
  const PublishedView* HoldNewest(Slot& slot) const;
  static void HoldNothing(Slot& slot) { slot.held.store(nullptr, std::memory_order_release); }
  // The reader's steps 1 and 3.
  static void BeginToHold(Slot& slot);
  static const PublishedView* Hold(Slot& slot, const PublishedView* view);

  // The engine's step 1, and then 2 and 3.
  void Replace(std::unique_ptr<const PublishedView> next);
  void FreeRetired();

  // Null when closed. Written at each commit, and read at each lookup: on a line of its own.
  alignas(kCacheLine) std::atomic<const PublishedView*> current_;
  alignas(kCacheLine) std::atomic<End> end_ = End::kNone;
  std::atomic<Slot*> slots_ = nullptr;
  // The engine's: what `current_` points to, those before it, and which of them were found held.
  std::unique_ptr<const PublishedView> published_;
  std::vector<std::unique_ptr<const PublishedView>> retired_;
  std::vector<const PublishedView*> held_;
};

}  // namespace flatview::engine
