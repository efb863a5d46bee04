#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "test/engine/changes.h"

namespace flatview::engine {

// A listener to every address space that is watched: plays what it hears on copies of the views.
// Ends the process where that isn't possible, isn't what the engine shows then, or isn't all that
// was to be heard.
class Follower {
 public:
  // The engine published what it made of `records`.
  void Hear(std::span<const std::byte> records, const Engine& engine);

 private:
  struct Space {
    bool watched = false;
    bool wants_unchanged = false;
    std::map<uint64_t, FlatRange> ranges;  // by first address
    std::set<uint64_t> heard;              // the first addresses of those added and kept
  };

  void Read(std::span<const std::byte> records);
  static void Play(const Change& change, AddressSpaceId id, Space& space);
  void Compare(AddressSpaceId id, const Space& space, const FlatView* view) const;

  std::map<AddressSpaceId, Space> spaces_;
  std::set<RegionId> touched_;  // by the last batch
};

}  // namespace flatview::engine
