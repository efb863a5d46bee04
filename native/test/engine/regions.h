#pragma once

#include <cstdint>

#include "engine/region.h"

// Regions for tests: the constructors of the public API in miniature.
namespace flatview::engine {

inline Region Container(uint64_t size) { return {.size = size, .flags = region_flag::kEnabled}; }

// 2^64 bytes.
inline Region WholeSpace() { return {.flags = region_flag::kEnabled | region_flag::kWholeSpace}; }

// What answers accesses: RAM, io, a reservation are all the same to the engine.
inline Region Leaf(uint64_t size) {
  return {.size = size, .flags = region_flag::kEnabled | region_flag::kTerminates};
}

inline Region Alias(RegionId target, uint64_t offset, uint64_t size) {
  return {.size = size,
          .alias_offset = offset,
          .target = target,
          .flags = region_flag::kEnabled | region_flag::kAlias};
}

// `region` as a subregion. Later sequences are above earlier ones of the same priority.
inline Region In(RegionId parent, uint64_t address, Region region, int32_t priority = 0,
                 uint64_t sequence = 0) {
  region.parent = parent;
  region.address = address;
  region.priority = priority;
  region.sequence = sequence;
  return region;
}

inline Region With(uint32_t flags, Region region) {
  region.flags |= flags;
  return region;
}

inline Region Disabled(Region region) {
  region.flags &= ~region_flag::kEnabled;
  return region;
}

}  // namespace flatview::engine
