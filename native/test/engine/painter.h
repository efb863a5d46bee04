#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "engine/address_range.h"
#include "engine/flat_range.h"
#include "engine/region.h"

namespace flatview::engine {

// A tree of regions as plain as can be.
using RegionMap = std::map<RegionId, Region>;

// The oracle of the property tests: asks at one address after another which region answers there,
// straight from the rules, without intervals, clipping or windows.
class Painter {
 public:
  // It looks at this many addresses, which are this far apart: the whole address space. So every
  // address and size in the tree must be a multiple of it.
  static constexpr uint64_t kCells = 256;
  static constexpr uint64_t kCellSize = 1ull << 56;

  explicit Painter(const RegionMap& regions);

  // The flat view of an address space with root `root`. Nothing if it takes too long: aliases can
  // multiply.
  std::optional<std::vector<FlatRange>> Paint(RegionId root);

 private:
  // What answers at one address, and the regions that it is shown through.
  struct Answer {
    RegionId region;
    uint64_t offset;
    uint32_t attributes;
    std::vector<RegionId> path;
  };

  std::optional<Answer> Ask(RegionId id, Int128 base, uint64_t address, uint32_t inherited);
  std::optional<Answer> AskInside(RegionId id, Int128 base, uint64_t address, uint32_t inherited);

  static constexpr size_t kMaxLevels = 300;

  const RegionMap& regions_;
  std::map<RegionId, std::vector<RegionId>> subregions_;  // highest precedence first
  std::vector<RegionId> path_;
  int64_t patience_ = 0;
};

}  // namespace flatview::engine
