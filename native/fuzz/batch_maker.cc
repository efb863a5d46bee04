#include "fuzz/batch_maker.h"

#include <array>
#include <utility>

#include "engine/address_space_table.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

constexpr AddressSpaceId kMaxSpaces = 8;

// Next to where something ends or begins, and a page away from there.
constexpr std::array<uint64_t, 8> kNear = {0, 0, 0, 0, 1, UINT64_MAX, 0x1000, 0xfff};

// The flags of a region of any kind but kEnabled and kAlias.
constexpr uint32_t kAttributes = region_flag::kReadonly | region_flag::kNonvolatile |
                                 region_flag::kRomd | region_flag::kUnmergeable;

}  // namespace

BatchMaker::Batch BatchMaker::Next() {
  before_ = rows_;
  records_ = {};
  if (made_++ == 0) {
    Put(0, WholeSpace());
    records_.PutSpace(0, 0);
    return {.records = std::exchange(records_, {})};
  }
  const uint8_t header = Byte();
  for (int changes = header % 32; changes >= 0 && !input_.empty(); --changes) Change();
  return {.records = std::exchange(records_, {}), .rolled_back = header >= 0xc0};
}

uint8_t BatchMaker::Byte() {
  if (input_.empty()) return 0;
  const uint8_t byte = input_.front();
  input_ = input_.subspan(1);
  return byte;
}

// A region that exists, or now and then none.
RegionId BatchMaker::Pick() {
  const uint32_t number = Byte();
  if (number == 0xff || rows_.empty()) return kNoRegion;
  // Of many, the first and the last: what lies in between looks the same.
  const auto count = static_cast<uint32_t>(rows_.size());
  const uint32_t index = number < 0x80 || count <= 0x80 ? number % count : count - (0xff - number);
  auto row = rows_.begin();
  std::advance(row, index);
  return row->first;
}

// An address within `whole` bytes or a size of them (0 is 2^64): some sixteenths of it, give or
// take a byte or a page; or one of a few bits anywhere, whatever `whole` is.
uint64_t BatchMaker::Length(uint64_t whole) {
  const uint8_t byte = Byte();
  if (byte >= 0x80) return uint64_t{byte & 15u} << (byte >> 4 & 7) * 8;
  const uint64_t sixteenth = whole == 0 ? uint64_t{1} << 60 : whole / 16;
  return (byte & 15u) * sixteenth + kNear[byte >> 4];
}

uint64_t BatchMaker::SizeOf(RegionId id) const {
  const auto row = rows_.find(id);
  return row == rows_.end() ? 0 : row->second.size;
}

void BatchMaker::SetSize(Region& region) {
  region.size = Length(SizeOf(region.parent));
  region.flags &= ~region_flag::kWholeSpace;
  // What is as large as its parent of 2^64 bytes is more telling than what is empty.
  if (region.size == 0) region.flags |= region_flag::kWholeSpace;
}

// A region that is not yet anywhere, of any kind.
Region BatchMaker::Make() {
  const uint8_t kind = Byte();
  const uint32_t attributes = Byte();
  Region region = {.sequence = ++sequence_, .parent = Pick()};
  region.priority = (kind >> 2) % 4 - 1;
  region.flags = (kind < 0x40 ? attributes & kAttributes : 0) |
                 attributes >> 6 << region_flag::kDirtyLogMaskShift;
  if (attributes % 4 != 3) region.flags |= region_flag::kEnabled;
  SetSize(region);
  region.address = Length(SizeOf(region.parent));
  if (kind % 4 == 3) region.target = Pick();
  if (region.target != kNoRegion) {
    region.flags |= region_flag::kAlias;
    region.alias_offset = Length(SizeOf(region.target));
  } else if (kind % 4 != 0) {
    region.flags |= region_flag::kTerminates;
  }
  return region;
}

void BatchMaker::Put(RegionId id, const Region& region) {
  records_.Put(id, region);
  rows_[id] = region;
}

void BatchMaker::Change() {
  const uint8_t kind = Byte() % 16;
  if (kind < 4) {
    AddRegion();
  } else if (kind == 4) {
    AddRow();
  } else if (kind == 5) {
    AddChain();
  } else if (kind < 12) {
    EditRegion();
  } else if (kind == 12) {
    RemoveRegion();
  } else if (kind < 15) {
    ChangeSpace();
  } else {
    WriteAnything();
  }
}

void BatchMaker::AddRegion() {
  if (rows_.size() >= kMaxRegions) return;
  // The lowest id that is free, as TypeScript has it.
  RegionId id = 0;
  for (auto row = rows_.begin(); row != rows_.end() && row->first == id; ++row) ++id;
  Put(id, Make());
}

// Many regions that are alike, side by side: what makes indexes and views large.
void BatchMaker::AddRow() {
  Region region = Make();
  const uint64_t stride = Length(region.size);
  RegionId id = rows_.empty() ? 0 : rows_.rbegin()->first;
  for (int left = 16 * (Byte() % 64); left >= 0 && rows_.size() < kMaxRegions; --left) {
    Put(++id, region);
    region.address += stride;
    ++region.sequence;
  }
  sequence_ = region.sequence;
}

// Regions one in the other, deeper than can be rendered if need be.
void BatchMaker::AddChain() {
  Region region = Make();
  region.flags &= ~region_flag::kTerminates;
  RegionId id = rows_.empty() ? 0 : rows_.rbegin()->first;
  for (int left = 8 * (Byte() % 130); left >= 0 && rows_.size() < kMaxRegions; --left) {
    Put(++id, region);
    region.parent = id;
    if (region.target != kNoRegion) region.target = id;
    region.address = 0;
  }
}

void BatchMaker::EditRegion() {
  const RegionId id = Pick();
  const auto row = rows_.find(id);
  if (row == rows_.end()) return;
  Region region = row->second;
  EditField(region);
  rows_[id] = region;
  records_.Put(id, region, region.sequence % 8 == 0 ? BatchWriter::kTouched : 0);
}

void BatchMaker::EditField(Region& region) {
  const uint8_t what = Byte();
  switch (what % 8) {
    case 0:
      region.flags ^= region_flag::kEnabled;
      break;
    case 1:
      region.address = Length(SizeOf(region.parent));
      region.sequence = ++sequence_;
      break;
    case 2:
      SetSize(region);
      break;
    case 3:
      region.flags ^= 1u << (2 + what / 8 % 4);
      break;
    case 4:
      region.priority = what / 8 % 4 - 1;
      break;
    case 5:
      region.flags ^= 1u << (region_flag::kDirtyLogMaskShift + what / 8 % 8);
      break;
    case 6:
      if (region.is_alias()) {
        region.alias_offset = Length(SizeOf(region.target));
      } else {
        region.flags ^= region_flag::kTerminates;
      }
      break;
    default:
      region.parent = Pick();
  }
}

// With all that lies in it or shows it, or alone, which is possible only if nothing does.
void BatchMaker::RemoveRegion() {
  const RegionId id = Pick();
  std::vector<RegionId> removed = {id};
  const bool alone = Byte() % 4 == 0;
  for (size_t at = 0; at < removed.size(); ++at) {
    records_.Remove(removed[at]);
    rows_.erase(removed[at]);
    for (const auto& [user, region] : rows_) {
      const bool uses = region.parent == removed[at] || region.target == removed[at];
      if (uses && !alone) removed.push_back(user);
    }
    for (size_t next = at + 1; next < removed.size(); ++next) rows_.erase(removed[next]);
  }
}

void BatchMaker::ChangeSpace() {
  const uint8_t what = Byte();
  const AddressSpaceId space = what % kMaxSpaces;
  if (what >= 0xe0) {
    records_.RemoveSpace(space);
  } else {
    records_.PutSpace(space, Pick(), what / kMaxSpaces % 4);
  }
}

// A record that may be none: a good one with one field overwritten, or bytes as they come.
void BatchMaker::WriteAnything() {
  const uint8_t what = Byte();
  const uint32_t id = Byte() % 32;
  switch (what % 8) {
    case 0:
      records_.Remove(id);
      for (size_t at = 0; at < kRecordBytes; ++at) records_.Write(at, Byte());
      return;
    case 1:
      records_.Remove(id);
      break;
    case 2:
      records_.PutSpace(id, Pick());
      break;
    case 3:
      records_.RemoveSpace(id);
      break;
    default:
      records_.Put(id, Make());
  }
  records_.Write(what / 8u % 16 * sizeof(uint32_t), uint32_t{Byte()} << Byte() % 32);
}

}  // namespace flatview::engine
