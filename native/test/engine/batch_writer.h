#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "engine/batch.h"
#include "engine/region.h"

namespace flatview::engine {

// Writes a batch as TypeScript does, byte by byte as lib/native/engine-addon.ts has it, and so
// without the structures that the engine reads it with.
class BatchWriter {
 public:
  static constexpr uint32_t kTouched = 1u << 8;
  static constexpr uint32_t kWatched = 1u << 0;
  static constexpr uint32_t kWantsUnchanged = 1u << 1;

  BatchWriter& Put(RegionId id, const Region& region, uint32_t record_flags = 0) {
    Start(1, id, region.flags | record_flags);
    Write(12, region.parent);
    Write(16, region.priority);
    Write(20, region.target);
    Write(24, region.address);
    Write(32, region.sequence);
    Write(40, region.size);
    Write(48, region.alias_offset);
    return *this;
  }

  BatchWriter& Remove(RegionId id) { return Start(2, id, 0); }

  BatchWriter& PutSpace(AddressSpaceId id, RegionId root, uint32_t flags = kWatched) {
    Start(3, id, flags);
    Write(12, root);
    return *this;
  }

  BatchWriter& RemoveSpace(AddressSpaceId id) { return Start(4, id, 0); }

  // Overwrites a field of the last record.
  template <typename T>
  BatchWriter& Write(size_t offset, T value) {
    std::memcpy(bytes_.data() + bytes_.size() - kRecordBytes + offset, &value, sizeof(value));
    return *this;
  }

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  BatchWriter& Start(uint32_t opcode, uint32_t id, uint32_t flags) {
    bytes_.resize(bytes_.size() + kRecordBytes);
    return Write(0, opcode).Write(4, id).Write(8, flags);
  }

  std::vector<std::byte> bytes_;
};

}  // namespace flatview::engine
