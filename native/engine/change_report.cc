#include "engine/change_report.h"

#include <algorithm>
#include <tuple>

namespace flatview::engine {
namespace {

constexpr AddressRange kEverything[] = {kAllAddresses};

}  // namespace

void ChangeReport::Write(std::span<const ViewRootIndex::Move> moves, ChangeStream& stream) {
  stream.Clear();
  Collect(moves);
  if (entries_.empty()) return;
  FindGroups();
  for (const Group& group : groups_) WriteGroup(group, stream);
}

void ChangeReport::Collect(std::span<const ViewRootIndex::Move> moves) {
  entries_.clear();
  for (const RegionId root : views_.updated()) {
    const AddressSpaceTable::ByRegion& watched = spaces_.watched_by_view();
    auto it = watched.lower_bound({root, 0});
    for (; it != watched.end() && it->first == root; ++it) Add(it->second);
  }
  for (const ViewRootIndex::Move& move : moves) Add(move.space);
  for (const AddressSpaceId id : spaces_.wanting_unchanged()) Add(id);
}

void ChangeReport::Add(AddressSpaceId id) {
  const AddressSpace* const space = spaces_.Find(id);
  if (space == nullptr || !space->watched) return;
  const bool everywhere = space->view_root != space->next_view_root || space->wants_unchanged;
  const FlatView* const before = views_.Present(space->view_root).get();
  const FlatView* const after = views_.Next(space->next_view_root).get();
  entries_.push_back({before, after, space->wants_unchanged, id,
                      everywhere ? std::span<const AddressRange>(kEverything)
                                 : views_.Compared(space->view_root)});
}

// Brings the entries of each group together, and the groups in the order of their lowest id.
void ChangeReport::FindGroups() {
  const auto way = [](const Entry& entry) {
    return std::tie(entry.before, entry.after, entry.all_kept);
  };
  const auto before = [&way](const Entry& a, const Entry& b) {
    return std::tuple_cat(way(a), std::tie(a.space)) < std::tuple_cat(way(b), std::tie(b.space));
  };
  const auto same_space = [](const Entry& a, const Entry& b) { return a.space == b.space; };
  std::sort(entries_.begin(), entries_.end(), before);
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same_space), entries_.end());

  groups_.clear();
  for (size_t begin = 0, end = 0; begin < entries_.size(); begin = end) {
    while (end < entries_.size() && way(entries_[begin]) == way(entries_[end])) ++end;
    groups_.emplace_back(std::span(entries_).subspan(begin, end - begin));
  }
  std::sort(groups_.begin(), groups_.end(),
            [](const Group& a, const Group& b) { return a.front().space < b.front().space; });
}

void ChangeReport::WriteGroup(const Group& group, ChangeStream& stream) {
  const Entry& entry = group.front();
  ids_.clear();
  for (const Entry& each : group) ids_.push_back(each.space);
  stream.AddGroup(ids_, {*entry.before, *entry.after, entry.windows, entry.all_kept}, regions_);
}

}  // namespace flatview::engine
