#include "fuzz/follower.h"

#include <cstdio>
#include <cstdlib>
#include <variant>

namespace flatview::engine {
namespace {

void Require(bool holds, const char* what, AddressSpaceId space) {
  if (holds) return;
  std::fprintf(stderr, "change stream, address space %u: %s\n", space, what);
  std::abort();
}

uint32_t DirtyLogMask(const FlatRange& range) {
  return (range.attributes & range_attribute::kDirtyLogMask) >> range_attribute::kDirtyLogMaskShift;
}

std::map<uint64_t, FlatRange> RangesOf(const FlatView* view) {
  std::map<uint64_t, FlatRange> ranges;
  if (view == nullptr) return ranges;
  for (const FlatRange range : *view) ranges.emplace_hint(ranges.end(), range.first, range);
  return ranges;
}

}  // namespace

void Follower::Hear(std::span<const std::byte> records, const Engine& engine) {
  Read(records);
  for (const ChangeGroup& group : ReadChanges(engine.changes())) {
    for (const AddressSpaceId id : group.spaces) {
      Space& space = spaces_[id];
      Require(space.watched, "is not watched", id);
      for (const Change& change : group.changes) Play(change, id, space);
    }
  }
  for (auto& [id, space] : spaces_) {
    const FlatViewPtr view = engine.View(id);
    if (space.watched) Compare(id, space, view.get());
    space.ranges = RangesOf(view.get());
    space.heard.clear();
    if (view == nullptr) space.watched = false;
  }
}

// What the batch says of address spaces, and which regions it touches.
void Follower::Read(std::span<const std::byte> records) {
  touched_.clear();
  for (size_t at = 0; at < records.size(); at += kRecordBytes) {
    const auto record = DecodeRecord(records.subspan(at).first<kRecordBytes>());
    if (!record) continue;
    if (const auto* const region = std::get_if<PutRegion>(&*record)) {
      if (region->touched) touched_.insert(region->id);
    } else if (const auto* const put = std::get_if<PutAddressSpace>(&*record)) {
      Space& space = spaces_[put->id];
      space.watched = put->watched;
      space.wants_unchanged = put->wants_unchanged;
    }
  }
}

void Follower::Play(const Change& change, AddressSpaceId id, Space& space) {
  const FlatRange& range = change.range;
  if (change.kind == Change::kAdd) {
    Require(space.ranges.emplace(range.first, range).second, "adds what is there", id);
  } else {
    const auto known = space.ranges.find(range.first);
    Require(known != space.ranges.end(), "tells of a range that is not there", id);
    Require(SameRange(known->second, range), "tells of another range", id);
    if (change.kind == Change::kDelete) {
      Require(known->second == range, "deletes another range", id);
      space.ranges.erase(known);
      return;
    }
    Require(change.old_mask == DirtyLogMask(known->second), "gives another old mask", id);
    known->second = range;
  }
  Require(space.heard.insert(range.first).second, "tells of a range twice", id);
}

void Follower::Compare(AddressSpaceId id, const Space& space, const FlatView* view) const {
  const auto shown = RangesOf(view);
  Require(space.ranges == shown, "does not lead to the view", id);
  for (const auto& [first, range] : shown) {
    const bool wanted = space.wants_unchanged || touched_.contains(range.region);
    Require(!wanted || space.heard.contains(first), "leaves out a range", id);
  }
}

}  // namespace flatview::engine
