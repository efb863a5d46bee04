#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "engine/region.h"
#include "engine/region_table.h"

namespace flatview::engine {

// What the embedder calls a region, for readers that have nothing else of it.
struct RegionName {
  std::string kind;  // never empty
  std::string name;
};

// The names of the regions that views show, by id. A name stays: where ids are to be used again,
// another table takes over, and views that are published from then on come with that one.
//
// Thread safety: one thread at a time adds names; any thread may at the same time find the name of
// a region that it sees in a view, which was published after the name was added.
class RegionNames {
 public:
  // Returns false, and does nothing, if `id` has a name already, or if either is none.
  bool Add(RegionId id, RegionName name) {
    if (id >= RegionTable::kMaxRegions || name.kind.empty()) return false;
    const Place place = PlaceOf(id);
    auto& chunk = chunks_[place.chunk];
    if (chunk == nullptr) chunk = std::make_unique<RegionName[]>(ChunkSize(place.chunk));
    if (!chunk[place.index].kind.empty()) return false;
    chunk[place.index] = std::move(name);
    return true;
  }

  // Null if `id` has no name.
  const RegionName* Find(RegionId id) const {
    if (id >= RegionTable::kMaxRegions) return nullptr;
    const Place place = PlaceOf(id);
    const auto& chunk = chunks_[place.chunk];
    return chunk != nullptr && !chunk[place.index].kind.empty() ? &chunk[place.index] : nullptr;
  }

 private:
  // Chunks never move: the first has room for 64 names, and each other as many as all before it.
  static constexpr unsigned kFirstBits = 6;
  struct Place {
    size_t chunk;
    size_t index;
  };

  static size_t ChunkSize(size_t chunk) {
    return size_t{1} << (kFirstBits + (chunk == 0 ? 0 : chunk - 1));
  }
  static Place PlaceOf(RegionId id) {
    const auto chunk = static_cast<size_t>(std::bit_width(id >> kFirstBits));
    return {chunk, chunk == 0 ? id : id - ChunkSize(chunk)};
  }

  static constexpr size_t kChunks =
      std::bit_width((RegionTable::kMaxRegions - 1) >> kFirstBits) + 1;

  std::array<std::unique_ptr<RegionName[]>, kChunks> chunks_;
};

}  // namespace flatview::engine
