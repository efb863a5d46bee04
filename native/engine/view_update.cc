#include "engine/view_update.h"

#include <algorithm>

namespace flatview::engine {
namespace {

// Sorts ranges, and makes one of those that overlap or touch.
void Coalesce(std::vector<AddressRange>& ranges) {
  const auto before = [](const AddressRange& a, const AddressRange& b) {
    return a.first < b.first;
  };
  std::sort(ranges.begin(), ranges.end(), before);
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

// The window with the byte before and the byte behind it: what is shown at these stays, but says
// whether it goes on into the window.
AddressRange WithNeighbours(const AddressRange& window) {
  return {window.first == 0 ? 0 : window.first - 1,
          window.last == kLastAddress ? kLastAddress : window.last + 1};
}

// Whether `ranges` are what `tree` has in `window`.
bool Holds(const FlatTree& tree, const AddressRange& window, const std::vector<FlatRange>& ranges) {
  FlatTree::Cursor cursor = tree.From(window.first);
  for (const FlatRange& range : ranges) {
    if (cursor.at_end() || !(*cursor == range)) return false;
    ++cursor;
  }
  return cursor.at_end() || (*cursor).first > window.last;
}

}  // namespace

Status ViewUpdate::Update(RegionId root, uint64_t serial, RenderBudget& budget, View& view) {
  FlatTree tree;
  view.compared.clear();
  if (view.present == nullptr) {
    if (const Status status = RenderWhole(root, budget, tree); !status.ok()) return status;
  } else {
    tree = view.present->tree();
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
  const AddressRange rendered_window = WithNeighbours(window);
  rendered_.clear();
  const Status status = renderer_.Render(root, rendered_window, budget, rendered_);
  if (!status.ok()) return status;
  const AddressRange replaced = JoinEdges(rendered_window, tree);
  compared.push_back(replaced);
  if (!Holds(tree, replaced, rendered_))
    tree = splicer_.Splice(std::move(tree), replaced, rendered_);
  return {};
}

// Has the first and the last range rendered begin and end where the present ranges at the edges of
// the window do: outside nothing changes. Returns where ranges are replaced, which none crosses.
AddressRange ViewUpdate::JoinEdges(const AddressRange& window, const FlatTree& tree) {
  AddressRange replaced = window;
  if (const auto below = tree.Lookup(window.first)) {
    replaced.first = below->first;
    if (!rendered_.empty() && rendered_.front().first == window.first) {
      FlatRange& range = rendered_.front();
      range.offset -= range.first - below->first;
      range.first = below->first;
    }
  }
  if (const auto above = tree.Lookup(window.last)) {
    replaced.last = above->last;
    if (!rendered_.empty() && rendered_.back().last == window.last) {
      rendered_.back().last = above->last;
    }
  }
  return replaced;
}

}  // namespace flatview::engine
