#include "engine/view_table.h"

namespace flatview::engine {

const FlatViewPtr& ViewTable::Present(RegionId root) const {
  const Entry* const entry = entries_.Find(root);
  return entry != nullptr ? entry->view.present : empty_;
}

const FlatViewPtr& ViewTable::Next(RegionId root) const {
  const Entry* const entry = entries_.Find(root);
  if (entry == nullptr) return empty_;
  const View& view = entry->view;
  return view.next != nullptr ? view.next : view.present;
}

std::span<const AddressRange> ViewTable::Compared(RegionId root) const {
  const Entry* const entry = entries_.Find(root);
  if (entry == nullptr) return {};
  return entry->view.compared;
}

void ViewTable::Follow(std::span<const ViewRootIndex::Move> moves) {
  new_roots_.clear();
  old_roots_.clear();
  for (const ViewRootIndex::Move& move : moves) {
    if (move.to != kNoRegion && entries_.Use(move.to).users++ == 0) new_roots_.push_back(move.to);
  }
  for (const ViewRootIndex::Move& move : moves) {
    if (move.from != kNoRegion && --entries_[move.from].users == 0) old_roots_.push_back(move.from);
  }
}

Status ViewTable::Update(std::span<const Propagation::Window> windows, RenderBudget& budget,
                         ViewUpdate& update) {
  updated_.assign(new_roots_.begin(), new_roots_.end());
  for (const auto& [root, window] : windows) {
    View& view = entries_[root].view;
    if (view.present == nullptr) continue;
    if (view.windows.empty()) updated_.push_back(root);
    view.windows.push_back(window);
  }
  for (const RegionId root : updated_) {
    const Status status = update.Update(root, ++last_serial_, budget, entries_[root].view);
    if (!status.ok()) return status;
  }
  return {};
}

void ViewTable::Keep() {
  for (const RegionId root : updated_) {
    View& view = entries_[root].view;
    if (view.next != nullptr) view.present = std::move(view.next);
  }
  Undo();
}

void ViewTable::Undo() {
  for (const RegionId root : updated_) {
    View& view = entries_[root].view;
    view.next = nullptr;
    view.windows.clear();
    view.compared.clear();
  }
  updated_.clear();
  for (const RegionId root : old_roots_) {
    if (entries_[root].users == 0) entries_.Drop(root);
  }
}

}  // namespace flatview::engine
