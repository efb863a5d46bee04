#include "engine/view_channel.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace flatview::engine {

constinit const PublishedView ViewChannel::kChoosing = {nullptr, 0, nullptr};

ViewChannel::ViewChannel(PublishedView view)
    : published_(std::make_unique<const PublishedView>(std::move(view))) {
  current_.store(published_.get(), std::memory_order_release);
}

ViewChannel::~ViewChannel() {
  for (Slot* slot = slots_.load(std::memory_order_acquire); slot != nullptr;) {
    slot = std::unique_ptr<Slot>(slot)->next;
  }
}

void ViewChannel::Publish(PublishedView view) {
  assert(published_ != nullptr);
  if (view.view == published_->view) return;
  Replace(std::make_unique<const PublishedView>(std::move(view)));
  FreeRetired();
}

void ViewChannel::Close(End end) {
  // Before readers see that there is nothing.
  end_.store(end, std::memory_order_release);
  Replace(nullptr);
  FreeRetired();
}

void ViewChannel::Replace(std::unique_ptr<const PublishedView> next) {
  current_.store(next.get(), std::memory_order_seq_cst);
  if (published_ != nullptr) retired_.push_back(std::move(published_));
  published_ = std::move(next);
}

void ViewChannel::FreeRetired() {
  held_.clear();
  Slot* slot = slots_.load(std::memory_order_seq_cst);
  for (; slot != nullptr; slot = slot->next) {
    const PublishedView* held = slot->held.load(std::memory_order_seq_cst);
    // Where it fails, `held` is what the reader holds now.
    if (held == &kChoosing) slot->held.compare_exchange_strong(held, published_.get());
    held_.push_back(held);
  }
  std::erase_if(retired_, [this](const auto& view) {
    return std::find(held_.begin(), held_.end(), view.get()) == held_.end();
  });
}

const PublishedView* ViewChannel::HoldNewest(Slot& slot) const {
  BeginToHold(slot);
  return Hold(slot, current_.load(std::memory_order_seq_cst));
}

void ViewChannel::BeginToHold(Slot& slot) {
  slot.held.exchange(&kChoosing, std::memory_order_seq_cst);
}

const PublishedView* ViewChannel::Hold(Slot& slot, const PublishedView* view) {
  const PublishedView* held = &kChoosing;
  // Where it fails, `held` is what the engine chose.
  return slot.held.compare_exchange_strong(held, view) ? view : held;
}

ViewChannel::Slot& ViewChannel::TakeSlot() {
  Slot* first = slots_.load(std::memory_order_acquire);
  for (Slot* slot = first; slot != nullptr; slot = slot->next) {
    bool taken = false;
    if (slot->taken.compare_exchange_strong(taken, true, std::memory_order_acquire)) return *slot;
  }
  auto added = std::make_unique<Slot>();
  do {
    added->next = first;
  } while (!slots_.compare_exchange_weak(first, added.get(), std::memory_order_seq_cst));
  return *added.release();
}

void ViewChannel::GiveBack(Slot& slot) {
  HoldNothing(slot);
  slot.taken.store(false, std::memory_order_release);
}

}  // namespace flatview::engine
