#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "engine/region.h"

namespace flatview::engine {

using AddressSpaceId = uint32_t;

// A batch is what TypeScript hands over at a commit: a sequence of 64-byte records, each a whole
// row, little-endian. lib/native/engine-addon.ts describes the bytes.
inline constexpr size_t kRecordBytes = 64;

struct PutRegion {
  RegionId id = kNoRegion;
  Region region;
  bool touched = false;  // report unchanged ranges of this region, too
};

struct RemoveRegion {
  RegionId id = kNoRegion;
};

struct PutAddressSpace {
  AddressSpaceId id = 0;
  RegionId root = kNoRegion;  // of none, nothing answers
  bool watched = false;       // report its changes
  bool wants_unchanged = false;
};

struct RemoveAddressSpace {
  AddressSpaceId id = 0;
};

using Record = std::variant<PutRegion, RemoveRegion, PutAddressSpace, RemoveAddressSpace>;

// Decodes one record, and checks all that can be checked without the table. Nothing for anything
// that is not a record.
std::optional<Record> DecodeRecord(std::span<const std::byte, kRecordBytes> bytes);

}  // namespace flatview::engine
