#include "native/trace_tree.h"

#include <cstdio>
#include <cstdlib>

#include "test/engine/batch_writer.h"

namespace flatview::benchmarks {

namespace {

using engine::AddressSpaceId;
using engine::BatchWriter;
using engine::Region;
using engine::RegionId;
namespace flag = engine::region_flag;

constexpr uint32_t kNewRegion = flag::kEnabled | flag::kRomd;

void SetSize(Region& region, uint64_t size) {
  const bool whole = size == UINT64_MAX;
  region.size = whole ? 0 : size;
  region.flags = (region.flags & ~flag::kWholeSpace) | (whole ? flag::kWholeSpace : 0);
}

template <uint32_t kFlag>
void Switch(TraceTree& tree, const Numbers& n) {
  tree.SetFlag(n[0], kFlag, n[1] != 0);
}

void CreateTerminating(TraceTree& tree, const Numbers& n) {
  tree.Create(n[0], n[1], flag::kTerminates);
}

constexpr struct {
  std::string_view verb;
  decltype(Call::make) make;
} kVerbs[] = {
    {"container", [](TraceTree& tree, const Numbers& n) { tree.Create(n[0], n[1], 0); }},
    {"io", CreateTerminating},
    {"ram", CreateTerminating},
    {"ram-device", CreateTerminating},
    {"rom-device", CreateTerminating},
    {"alias", [](TraceTree& tree, const Numbers& n) { tree.CreateAlias(n[0], n[1], n[2], n[3]); }},
    {"space", [](TraceTree& tree, const Numbers& n) { tree.CreateSpace(n[1]); }},
    {"listen", [](TraceTree& tree, const Numbers& n) { tree.Watch(n[0]); }},
    {"add", [](TraceTree& tree, const Numbers& n) { tree.Add(n[0], n[1], n[2], n[3]); }},
    {"remove", [](TraceTree& tree, const Numbers& n) { tree.Remove(n[1]); }},
    {"address", [](TraceTree& tree, const Numbers& n) { tree.Move(n[0], n[1]); }},
    {"size", [](TraceTree& tree, const Numbers& n) { tree.Resize(n[0], n[1]); }},
    {"offset", [](TraceTree& tree, const Numbers& n) { tree.MoveWindow(n[0], n[1]); }},
    {"enabled", Switch<flag::kEnabled>},
    {"readonly", Switch<flag::kReadonly>},
    {"nonvolatile", Switch<flag::kNonvolatile>},
    {"romd", Switch<flag::kRomd>},
    {"begin", [](TraceTree& tree, const Numbers&) { tree.Begin(); }},
    {"commit", [](TraceTree& tree, const Numbers&) { tree.End(); }},
};

}  // namespace

decltype(Call::make) TraceTree::Find(std::string_view verb) {
  for (const auto& [name, make] : kVerbs) {
    if (name == verb) return make;
  }
  return nullptr;
}

void TraceTree::Create(uint64_t id, uint64_t size, uint32_t flags) {
  if (id >= rows_.size()) {
    rows_.resize(id + 1);
    is_changed_.resize(id + 1);
  }
  Region& row = Change(id);
  row.flags = flags | kNewRegion;
  SetSize(row, size);
}

void TraceTree::CreateAlias(uint64_t id, uint64_t target, uint64_t offset, uint64_t size) {
  Create(id, size, flag::kAlias);
  rows_[id].target = static_cast<RegionId>(target);
  rows_[id].alias_offset = offset;
}

void TraceTree::CreateSpace(uint64_t root) {
  changed_spaces_.push_back(static_cast<AddressSpaceId>(spaces_.size()));
  spaces_.push_back({static_cast<RegionId>(root)});
  if (depth_ == 0) Commit();
}

void TraceTree::Watch(uint64_t space) {
  spaces_[space].watched = true;
  changed_spaces_.push_back(static_cast<AddressSpaceId>(space));
  if (depth_ == 0) Commit();
}

void TraceTree::Add(uint64_t parent, uint64_t id, uint64_t address, uint64_t priority) {
  Region& row = Change(id);
  row.parent = static_cast<RegionId>(parent);
  row.address = address;
  row.priority = static_cast<int32_t>(priority);
  row.sequence = ++last_sequence_;
  if (depth_ == 0) Commit();
}

void TraceTree::Remove(uint64_t id) {
  Change(id).parent = engine::kNoRegion;
  if (depth_ == 0) Commit();
}

void TraceTree::Move(uint64_t id, uint64_t address) {
  Region& row = Change(id);
  row.address = address;
  row.sequence = ++last_sequence_;
  if (depth_ == 0) Commit();
}

void TraceTree::Resize(uint64_t id, uint64_t size) {
  SetSize(Change(id), size);
  if (depth_ == 0) Commit();
}

void TraceTree::MoveWindow(uint64_t id, uint64_t offset) {
  Change(id).alias_offset = offset;
  if (depth_ == 0) Commit();
}

void TraceTree::SetFlag(uint64_t id, uint32_t flag, bool on) {
  Region& row = Change(id);
  row.flags = on ? row.flags | flag : row.flags & ~flag;
  if (depth_ == 0) Commit();
}

void TraceTree::End() {
  if (--depth_ == 0) Commit();
}

Region& TraceTree::Change(uint64_t id) {
  if (!is_changed_[id]) changed_.push_back(static_cast<RegionId>(id));
  is_changed_[id] = true;
  return rows_[id];
}

void TraceTree::Commit() {
  BatchWriter batch;
  for (const RegionId id : changed_) {
    batch.Put(id, rows_[id]);
    is_changed_[id] = false;
  }
  for (const AddressSpaceId id : changed_spaces_) {
    batch.PutSpace(id, spaces_[id].root, spaces_[id].watched ? BatchWriter::kWatched : 0);
  }
  changed_.clear();
  changed_spaces_.clear();
  if (!engine_.Commit(batch.bytes()).ok()) {
    std::fprintf(stderr, "The engine refuses what the trace does\n");
    std::exit(1);
  }
  engine_.Publish();
}

}  // namespace flatview::benchmarks
