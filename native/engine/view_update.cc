#include "engine/view_update.h"

#include <algorithm>
#include <utility>

namespace flatview::engine {
namespace {

bool BeginsBefore(const AddressRange& a, const AddressRange& b) { return a.first < b.first; }

// Makes one of those that overlap or touch. REQUIRES: none begins before the one before it.
void Coalesce(std::vector<AddressRange>& ranges) {
  size_t count = 0;
  for (const AddressRange& range : ranges) {
    AddressRange* const previous = count > 0 ? &ranges[count - 1] : nullptr;
    if (previous != nullptr && (range.first == 0 || range.first - 1 <= previous->last)) {
      previous->last = std::max(previous->last, range.last);
    } else {
      ranges[count++] = range;
    }
  }
  ranges.resize(count);
}

// Whether `ranges` are what there is from `cursor` up to `last`.
bool Holds(FlatTree::Cursor cursor, uint64_t last, const std::vector<FlatRange>& ranges) {
  for (const FlatRange& range : ranges) {
    if (cursor.at_end() || !(*cursor == range)) return false;
    ++cursor;
  }
  return cursor.at_end() || (*cursor).first > last;
}

bool IsUnmergeable(const FlatRange& range) {
  return (range.attributes & range_attribute::kUnmergeable) != 0;
}

}  // namespace

Status ViewUpdate::Update(RegionId root, uint64_t serial, RenderBudget& budget, View& view) {
  FlatTree tree;
  view.compared.clear();
  if (view.present == nullptr) {
    if (const Status status = RenderWhole(root, budget, tree); !status.ok()) return status;
  } else {
    tree = view.present->tree();
    std::sort(view.windows.begin(), view.windows.end(), BeginsBefore);
    Coalesce(view.windows);
    for (const AddressRange& window : view.windows) {
      const Status status = RenderWindow(root, window, budget, tree, view.compared);
      if (!status.ok()) return status;
    }
    Coalesce(view.compared);
  }
  const bool stays = view.present != nullptr && tree.SameAs(view.present->tree());
  if (!stays) view.next = std::make_shared<const FlatView>(root, serial, std::move(tree));
  return {};
}

Status ViewUpdate::RenderWhole(RegionId root, RenderBudget& budget, FlatTree& tree) {
  rendered_.clear();
  const Status status = renderer_.Render(root, kAllAddresses, budget, rendered_);
  if (status.ok()) tree = splicer_.Build(rendered_);
  return status;
}

Status ViewUpdate::RenderWindow(RegionId root, const AddressRange& window, RenderBudget& budget,
                                FlatTree& tree, std::vector<AddressRange>& compared) {
  const FlatTree::Cursor cursor = tree.From(window.first == 0 ? 0 : window.first - 1);
  Beside beside;
  if (!cursor.at_end() && (*cursor).first < window.first) beside.below = *cursor;
  if (window.last != kLastAddress) {
    FlatTree::Cursor above = cursor;
    above.SkipTo(window.last + 1);
    if (!above.at_end() && (*above).first <= window.last + 1) beside.above = *above;
  }
  if (const Status status = RenderBetween(root, window, beside, budget); !status.ok()) {
    return status;
  }
  const AddressRange replaced = {beside.below ? beside.below->first : window.first,
                                 beside.above ? beside.above->last : window.last};
  compared.push_back(replaced);
  if (Holds(cursor, replaced.last, rendered_)) return {};
  tree = splicer_.Splice(std::move(tree), replaced, rendered_);
  return {};
}

// Renders the window and what is beside it, of which what lies outside stays as it is. Whether that
// is one range with what shows inside, their contents tell; but not where ranges never merge: there
// a byte of it is rendered, too, so that what crosses the edge of the window is seen to.
Status ViewUpdate::RenderBetween(RegionId root, const AddressRange& window, const Beside& beside,
                                 RenderBudget& budget) {
  const auto& [below, above] = beside;
  AddressRange wide = window;
  if (below && IsUnmergeable(*below)) --wide.first;
  if (above && IsUnmergeable(*above)) ++wide.last;
  rendered_.clear();
  if (below && wide.first == window.first) {
    AppendRange(*below, below->first, window.first - 1, rendered_);
  }
  if (const Status status = renderer_.Render(root, wide, budget, rendered_); !status.ok()) {
    return status;
  }
  if (below && wide.first != window.first && !rendered_.empty()) {
    FlatRange& range = rendered_.front();
    range.offset -= range.first - below->first;
    range.first = below->first;
  }
  if (above && wide.last != window.last && !rendered_.empty()) {
    rendered_.back().last = above->last;
  } else if (above) {
    AppendRange(*above, window.last + 1, above->last, rendered_);
  }
  return {};
}

}  // namespace flatview::engine
