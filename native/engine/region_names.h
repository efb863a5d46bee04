#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "engine/region.h"

namespace flatview::engine {

// What the embedder calls a region, for readers that have nothing else of it.
struct RegionName {
  std::string kind;
  std::string name;
};

// The names of the regions that views show, by id. A name stays: where ids are to be used again,
// another table takes over, and views that are published from then on come with that one.
//
// Thread safety: one thread at a time adds names; any thread may at the same time find the name of
// a region that it sees in a view, which was published after the name was added.
class RegionNames {
 public:
  // REQUIRES: `id` has no name yet.
  void Add(RegionId id, RegionName name) {
    const Place place = PlaceOf(id);
    auto& chunk = chunks_[place.chunk];
    if (chunk == nullptr) chunk = std::make_unique<RegionName[]>(ChunkSize(place.chunk));
    chunk[place.index] = std::move(name);
  }

  // REQUIRES: `id` has a name.
  const RegionName& Find(RegionId id) const {
    const Place place = PlaceOf(id);
    return chunks_[place.chunk][place.index];
  }

 private:
  // Chunks never move: the first has 64 names, and each other as many as all before it.
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

  std::array<std::unique_ptr<RegionName[]>, 33 - kFirstBits> chunks_;
};

}  // namespace flatview::engine
