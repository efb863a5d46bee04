#include "engine/batch.h"

#include <bit>
#include <cstring>

namespace flatview::engine {
namespace {

static_assert(std::endian::native == std::endian::little, "records are read as they lie");

struct RegionBytes {
  uint32_t opcode;
  uint32_t id;
  uint32_t flags;
  uint32_t parent;
  int32_t priority;
  uint32_t target;
  uint64_t address;
  uint64_t sequence;
  uint64_t size;
  uint64_t alias_offset;
  uint64_t reserved;
};
static_assert(sizeof(RegionBytes) == kRecordBytes);

struct AddressSpaceBytes {
  uint32_t opcode;
  uint32_t id;
  uint32_t flags;
  uint32_t root;
};

constexpr uint32_t kPutRegion = 1;
constexpr uint32_t kRemoveRegion = 2;
constexpr uint32_t kPutAddressSpace = 3;
constexpr uint32_t kRemoveAddressSpace = 4;

// A flag of the record, not of the region.
constexpr uint32_t kTouched = 1u << 8;

constexpr uint32_t kWatched = 1u << 0;
constexpr uint32_t kWantsUnchanged = 1u << 1;

std::optional<Record> DecodeRegion(const RegionBytes& bytes) {
  const Region region = {.address = bytes.address,
                         .sequence = bytes.sequence,
                         .size = bytes.size,
                         .alias_offset = bytes.alias_offset,
                         .parent = bytes.parent,
                         .target = bytes.target,
                         .priority = bytes.priority,
                         .flags = bytes.flags & ~kTouched};
  const bool flags_known = (region.flags & ~region_flag::kAll) == 0;
  const bool one_size = region.size == 0 || !region.Has(region_flag::kWholeSpace);
  const bool alias_has_target = region.is_alias() == (region.target != kNoRegion);
  if (!flags_known || !one_size || !alias_has_target || bytes.reserved != 0) return std::nullopt;
  return PutRegion{.id = bytes.id, .region = region, .touched = (bytes.flags & kTouched) != 0};
}

std::optional<Record> DecodeAddressSpace(const AddressSpaceBytes& bytes) {
  if ((bytes.flags & ~(kWatched | kWantsUnchanged)) != 0) return std::nullopt;
  return PutAddressSpace{.id = bytes.id,
                         .root = bytes.root,
                         .watched = (bytes.flags & kWatched) != 0,
                         .wants_unchanged = (bytes.flags & kWantsUnchanged) != 0};
}

template <typename T>
T Read(std::span<const std::byte, kRecordBytes> bytes) {
  T result{};
  std::memcpy(&result, bytes.data(), sizeof(result));
  return result;
}

}  // namespace

std::optional<Record> DecodeRecord(std::span<const std::byte, kRecordBytes> bytes) {
  const auto space = Read<AddressSpaceBytes>(bytes);
  switch (space.opcode) {
    case kPutRegion:
      return DecodeRegion(Read<RegionBytes>(bytes));
    case kRemoveRegion:
      return RemoveRegion{space.id};
    case kPutAddressSpace:
      return DecodeAddressSpace(space);
    case kRemoveAddressSpace:
      return RemoveAddressSpace{space.id};
    default:
      return std::nullopt;
  }
}

}  // namespace flatview::engine
