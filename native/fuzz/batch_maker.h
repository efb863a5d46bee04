#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "engine/region.h"
#include "engine/render_rules.h"
#include "test/engine/batch_writer.h"

namespace flatview::engine {

// So little that inputs of a few bytes exceed it.
inline constexpr RenderBudget kFuzzBudget = {.visits = 1u << 14, .paints = 1u << 13};

// Turns the bytes of a fuzzer into batches as TypeScript makes them: it knows the rows that are in
// effect, so that most changes make sense, and each byte decides something. A few records are any
// 64 bytes.
//
// An input is a sequence of batches, and a batch a byte (how many changes; whether they are rolled
// back) and its changes. Where bytes are missing they are 0. Before all that, the first batch makes
// a container of 2^64 bytes, and an address space that shows it.
class BatchMaker {
 public:
  struct Batch {
    BatchWriter records;
    bool rolled_back = false;
  };

  explicit BatchMaker(std::span<const uint8_t> input) : input_(input) {}

  // Whether the last batch was made.
  bool done() const { return made_ == kMaxBatches || (made_ > 0 && input_.empty()); }
  // REQUIRES: !done().
  Batch Next();
  // The engine refused the last batch, or rolled it back: the rows are again what they were.
  void TakeBack() { rows_ = before_; }

 private:
  using Rows = std::map<RegionId, Region>;

  // As many as make a view of several levels, and no input slow.
  static constexpr size_t kMaxRegions = 1600;
  static constexpr uint32_t kMaxBatches = 48;

  uint8_t Byte();
  RegionId Pick();
  uint64_t Length(uint64_t whole);
  uint64_t SizeOf(RegionId id) const;
  Region Make();
  void SetSize(Region& region);
  void Put(RegionId id, const Region& region);

  void Change();
  void AddRegion();
  void AddRow();
  void AddChain();
  void EditRegion();
  void EditField(Region& region);
  void RemoveRegion();
  void ChangeSpace();
  void WriteAnything();

  std::span<const uint8_t> input_;
  uint32_t made_ = 0;
  Rows rows_;
  Rows before_;
  uint64_t sequence_ = 0;
  BatchWriter records_;
};

}  // namespace flatview::engine
