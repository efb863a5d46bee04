#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace flatview::benchmarks {

class TraceTree;

// What a call is made with. A size of 2^64 is read as 2^64 - 1, the largest number that there is.
using Numbers = std::array<uint64_t, 4>;

// A call of a trace, as benchmarks/trace/trace.ts describes them.
struct Call {
  void (*make)(TraceTree& tree, const Numbers& numbers);
  Numbers numbers;
};

// A region tree that a trace builds and changes, and the engine that renders it. It keeps the rows
// and queues what changed as lib/memory does, without what guards against an embedder's mistakes.
class TraceTree {
 public:
  // What makes a call; null if a trace has no such verb.
  static decltype(Call::make) Find(std::string_view verb);

  void Create(uint64_t id, uint64_t size, uint32_t flags);
  void CreateAlias(uint64_t id, uint64_t target, uint64_t offset, uint64_t size);
  void CreateSpace(uint64_t root);
  void Watch(uint64_t space);
  void Add(uint64_t parent, uint64_t id, uint64_t address, uint64_t priority);
  void Remove(uint64_t id);
  void Move(uint64_t id, uint64_t address);
  void Resize(uint64_t id, uint64_t size);
  void MoveWindow(uint64_t id, uint64_t offset);
  void SetFlag(uint64_t id, uint32_t flag, bool on);
  void Begin() { ++depth_; }
  void End();

  engine::Engine& engine() { return engine_; }
  const engine::Engine& engine() const { return engine_; }
  size_t space_count() const { return spaces_.size(); }

 private:
  struct Space {
    engine::RegionId root = engine::kNoRegion;
    bool watched = false;
  };

  // The row of a region, to be sent with the next commit.
  engine::Region& Change(uint64_t id);
  void Commit();

  engine::Engine engine_;
  std::vector<engine::Region> rows_;
  std::vector<bool> is_changed_;  // by region
  std::vector<engine::RegionId> changed_;
  std::vector<Space> spaces_;
  std::vector<engine::AddressSpaceId> changed_spaces_;
  uint64_t last_sequence_ = 0;
  int depth_ = 0;
};

}  // namespace flatview::benchmarks
