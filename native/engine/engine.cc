#include "engine/engine.h"

#include <cassert>
#include <map>
#include <tuple>
#include <utility>

#include "engine/view_root.h"

namespace flatview::engine {
namespace {

uint32_t RecordCount(std::span<const std::byte> records) {
  return static_cast<uint32_t>(records.size() / kRecordBytes);
}

std::optional<Record> DecodeAt(std::span<const std::byte> records, uint32_t index) {
  return DecodeRecord(records.subspan(index * kRecordBytes).first<kRecordBytes>());
}

// Whether the record has to do with `root` being the root of an address space.
bool SetsRoot(const std::optional<Record>& record, AddressSpaceId space, RegionId root) {
  if (!record) return false;
  const auto* const put = std::get_if<PutAddressSpace>(&*record);
  const auto* const remove = std::get_if<RemoveRegion>(&*record);
  return (put != nullptr && put->id == space) || (remove != nullptr && remove->id == root);
}

// Address spaces that change in the same way: their listeners hear the same.
struct Group {
  const AddressSpace* space;
  std::vector<AddressSpaceId> ids;
};

std::vector<Group> GroupWatched(const AddressSpaceTable::Map& spaces) {
  std::vector<Group> groups;
  std::map<std::tuple<const FlatView*, const FlatView*, bool>, size_t> index;
  for (const auto& [id, space] : spaces) {
    if (!space.watched) continue;
    const auto key = std::tuple(space.view.get(), space.next.get(), space.wants_unchanged);
    const auto [found, is_new] = index.try_emplace(key, groups.size());
    if (is_new) groups.push_back({.space = &space, .ids = {}});
    groups[found->second].ids.push_back(id);
  }
  return groups;
}

}  // namespace

Status Engine::Commit(std::span<const std::byte> records) {
  assert(!pending_);
  const Status status = Prepare(records);
  if (status.ok()) {
    FindChanges();
    pending_ = true;
  } else {
    changes_.Clear();
    Undo();
  }
  return status;
}

Status Engine::Prepare(std::span<const std::byte> records) {
  if (const Status status = ApplyRecords(records); !status.ok()) return status;
  if (const Status status = regions_.CheckLinks(); !status.ok()) return status;
  if (const Status status = CheckRoots(records); !status.ok()) return status;
  return RenderViews();
}

Status Engine::ApplyRecords(std::span<const std::byte> records) {
  for (uint32_t index = 0; index < RecordCount(records); ++index) {
    const auto record = DecodeAt(records, index);
    if (!record || !Apply(*record, index)) return {Refusal::kMalformed, index};
  }
  return {};
}

bool Engine::Apply(const Record& record, uint32_t index) {
  if (const auto* put = std::get_if<PutRegion>(&record)) {
    return regions_.Put(put->id, put->region, put->touched, index);
  }
  if (const auto* remove = std::get_if<RemoveRegion>(&record)) {
    return regions_.Remove(remove->id, index);
  }
  if (const auto* put = std::get_if<PutAddressSpace>(&record)) spaces_.Put(*put);
  if (const auto* remove = std::get_if<RemoveAddressSpace>(&record)) spaces_.Remove(remove->id);
  return true;
}

// Every address space's root exists. The record at fault is the last that gave the address space
// this root, or removed the region.
Status Engine::CheckRoots(std::span<const std::byte> records) const {
  for (const auto& [id, space] : spaces_.spaces()) {
    if (space.root == kNoRegion || regions_.Find(space.root) != nullptr) continue;
    for (uint32_t index = RecordCount(records); index-- > 0;) {
      if (SetsRoot(DecodeAt(records, index), id, space.root)) return {Refusal::kMalformed, index};
    }
  }
  return {};
}

Status Engine::RenderViews() {
  next_views_.clear();
  RenderBudget budget = budget_;
  for (auto& [id, space] : spaces_.spaces()) {
    const RegionId root = ResolveViewRoot(regions_, space.root);
    std::shared_ptr<const FlatView>& view = next_views_[root];
    if (view == nullptr) {
      if (const Status status = RenderView(root, budget, view); !status.ok()) return status;
    }
    space.next = view;
  }
  return {};
}

// A view whose ranges don't change stays the same object.
Status Engine::RenderView(RegionId root, RenderBudget& budget,
                          std::shared_ptr<const FlatView>& view) {
  if (root == kNoRegion) {
    view = empty_view_;
    return {};
  }
  rendered_.clear();
  const Status status = renderer_.Render(root, kAllAddresses, budget, rendered_);
  if (!status.ok()) return status;
  const auto present = views_.find(root);
  const bool same = present != views_.end() && present->second->Consists(rendered_);
  view = same ? present->second : std::make_shared<const FlatView>(root, ++last_serial_, rendered_);
  return status;
}

void Engine::FindChanges() {
  changes_.Clear();
  for (const Group& group : GroupWatched(spaces_.spaces())) {
    changes_.AddGroup(group.ids, *group.space->view, *group.space->next, regions_,
                      group.space->wants_unchanged);
  }
}

void Engine::Publish() {
  assert(pending_);
  regions_.Keep();
  spaces_.Keep();
  std::swap(views_, next_views_);
  next_views_.clear();
  pending_ = false;
}

void Engine::Rollback() {
  assert(pending_);
  Undo();
}

void Engine::Undo() {
  regions_.Undo();
  spaces_.Undo();
  next_views_.clear();
  pending_ = false;
}

std::shared_ptr<const FlatView> Engine::View(AddressSpaceId space) const {
  const AddressSpace* const found = spaces_.Find(space);
  return found != nullptr ? found->view : nullptr;
}

}  // namespace flatview::engine
