#include "engine/engine.h"

#include <cassert>
#include <optional>
#include <variant>

#include "engine/self_check.h"

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

// The address space's root doesn't exist: the record at fault is the last that gave the address
// space this root, or removed the region.
Status NoSuchRoot(std::span<const std::byte> records, AddressSpaceId space, RegionId root) {
  uint32_t index = RecordCount(records);
  while (index > 0 && !SetsRoot(DecodeAt(records, index - 1), space, root)) --index;
  return {Refusal::kMalformed, index > 0 ? index - 1 : 0};
}

}  // namespace

Status Engine::Commit(std::span<const std::byte> records) {
  const Status status = SelfCheck(Prepare(records));
  if (status.ok()) {
    report_.Write(view_roots_.moves(), changes_);
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
  FollowTree();
  return UpdateViews();
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

// Every address space's root exists.
Status Engine::CheckRoots(std::span<const std::byte> records) const {
  for (const AddressSpaceTable::Change& change : spaces_.changes()) {
    const AddressSpace& space = *spaces_.Find(change.id);
    if (space.root == kNoRegion || regions_.Find(space.root) != nullptr) continue;
    return NoSuchRoot(records, change.id, space.root);
  }
  for (const RegionTable::Change& change : regions_.changes()) {
    if (regions_.Find(change.id) != nullptr) continue;
    const auto user = spaces_.by_root().lower_bound({change.id, 0});
    if (user == spaces_.by_root().end() || user->first != change.id) continue;
    return NoSuchRoot(records, user->second, change.id);
  }
  return {};
}

// Brings all that follows from the rows and the address spaces in step with what changed.
void Engine::FollowTree() {
  for (const RegionTable::Change& change : regions_.changes()) children_.Sync(change.id);
  view_roots_.Update(regions_.changes(), spaces_.changes());
  for (const ViewRootIndex::Move& move : view_roots_.moves()) {
    spaces_.SetNextViewRoot(move.space, move.to);
  }
  views_.Follow(view_roots_.moves());
  liveness_.Update(regions_.changes(), views_.new_roots(), views_.old_roots());
}

Status Engine::UpdateViews() {
  RenderBudget budget = options_.budget;
  return views_.Update(propagation_.Run(regions_.changes()), budget, view_update_);
}

// What becomes of a commit of which `status` is the engine's own judgement.
Status Engine::SelfCheck(const Status& status) {
  if (!options_.self_check || status.refusal == Refusal::kMalformed) return status;
  const auto failure = CheckViews(regions_, spaces_, views_, status, options_.budget);
  if (!failure) return status;
  self_check_message_ = failure->message;
  return {Refusal::kSelfCheck, failure->view_root};
}

void Engine::Publish() {
  publisher_.Publish(spaces_, view_roots_, views_, ++generation_);
  for (const ViewRootIndex::Move& move : view_roots_.moves()) spaces_.KeepViewRoot(move.space);
  regions_.Keep();
  spaces_.Keep();
  views_.Keep();
  pending_ = false;
}

void Engine::Rollback() { Undo(); }

// Rows and address spaces are put back, and the rest follows them.
void Engine::Undo() {
  regions_.Undo();
  spaces_.Undo();
  FollowTree();
  views_.Undo();
  regions_.Keep();
  spaces_.Keep();
  pending_ = false;
}

FlatViewPtr Engine::View(AddressSpaceId space) const {
  const AddressSpace* const found = spaces_.Find(space);
  return found != nullptr ? views_.Present(found->view_root) : nullptr;
}

std::shared_ptr<ViewChannel> Engine::Channel(AddressSpaceId space) {
  assert(!pending_);
  const AddressSpace* const found = spaces_.Find(space);
  if (found == nullptr) return nullptr;
  return publisher_.Channel(space, found->view_root, views_.Present(found->view_root), generation_);
}

}  // namespace flatview::engine
