// Batches of any content whatever. Guarantees: All or nothing; The guest can't hurt.

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <random>
#include <vector>

#include "engine/engine.h"
#include "test/engine/batch_writer.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

constexpr AddressSpaceId kSpaces = 8;
constexpr RegionId kRegions = 16;

// Bytes that are nearly records: each field is now and then an interesting number, and else random.
class GarbageMaker {
 public:
  explicit GarbageMaker(uint32_t seed) : random_(seed) {}

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  std::vector<std::byte> Batch() {
    BatchWriter batch;
    for (uint32_t count = Below(6); count > 0; --count) Append(batch);
    return {batch.bytes().begin(), batch.bytes().end()};
  }

 private:
  void Append(BatchWriter& batch) {
    batch.Remove(Id());
    if (Below(50) == 0) {
      for (size_t at = 0; at < kRecordBytes; at += 4) batch.Write(at, Word());
      return;
    }
    const bool alias = Below(3) == 0;
    const uint32_t opcode = Below(8) == 0 ? Below(6) : Below(6) == 0 ? 3 : 1;
    batch.Write(0, opcode);
    if (opcode == 3) {
      batch.Write(4, Below(kSpaces)).Write(8, Below(4)).Write(12, Id());
      return;
    }
    const uint64_t size = Long();
    const uint32_t whole = size == 0 ? Below(2) * region_flag::kWholeSpace : 0;
    const uint32_t flags = (Below(1u << 6) | region_flag::kEnabled | whole |
                            (alias ? region_flag::kAlias : 0) | Below(2) << 8 | Below(256) << 16);
    batch.Write(8, Below(100) == 0 ? Word() : flags)
        .Write(12, Below(2) == 0 ? 0 : Id())
        .Write(16, Word())
        .Write(20, alias ? (Below(2) == 0 ? 0 : Id()) : kNoRegion)
        .Write(24, Long())
        .Write(32, Long())
        .Write(40, size)
        .Write(48, Long());
  }

  uint32_t Word() { return Below(2) == 0 ? Below(4) - 2 : static_cast<uint32_t>(random_()); }

  RegionId Id() {
    constexpr RegionId kOdd[] = {kNoRegion, kNoRegion, RegionTable::kMaxRegions - 1,
                                 RegionTable::kMaxRegions};
    return Below(60) == 0 ? kOdd[Below(4)] : Below(4) == 0 ? kNoRegion : Below(kRegions);
  }

  uint64_t Long() {
    switch (Below(6)) {
      case 0:
        return Below(4);
      case 1:
        return uint64_t{0} - Below(4);
      case 2:
        return uint64_t{1} << Below(64);
      case 3:
        return random_() | uint64_t{random_()} << 32;
      default:
        return uint64_t{Below(16)} << 12;
    }
  }

  std::mt19937 random_;
};

// Which views there are. An address space that is yet to come has the empty view.
std::array<uint64_t, kSpaces> Serials(const Engine& engine) {
  std::array<uint64_t, kSpaces> serials{};
  for (AddressSpaceId space = 0; space < kSpaces; ++space) {
    const auto view = engine.View(space);
    serials[space] = view != nullptr ? view->serial() : 0;
  }
  return serials;
}

// An engine where every id that garbage mostly uses is taken: a container, with the others in it.
std::unique_ptr<Engine> Planted() {
  auto engine = std::make_unique<Engine>(
      Engine::Options{.budget = {.visits = 1u << 12, .paints = 1u << 12}, .self_check = true});
  BatchWriter batch;
  batch.Put(0, WholeSpace());
  for (RegionId id = 1; id < kRegions; ++id) batch.Put(id, In(0, id << 12, Leaf(0x2000)));
  for (AddressSpaceId space = 0; space < kSpaces; space += 2) batch.PutSpace(space, 0);
  EXPECT_TRUE(engine->Commit(batch.bytes()).ok());
  engine->Publish();
  return engine;
}

TEST(Garbage, IsRefusedWithoutATraceOrTaken) {
  GarbageMaker make(3);
  std::unique_ptr<Engine> engine;
  int taken = 0;
  int refusals[5] = {};
  for (int round = 0; round < 30'000; ++round) {
    if (round % 50 == 0) engine = Planted();
    const auto before = Serials(*engine);
    const std::vector<std::byte> batch = make.Batch();
    const Status status = engine->Commit(batch);
    ASSERT_EQ(Serials(*engine), before);
    ASSERT_NE(status.refusal, Refusal::kSelfCheck) << engine->self_check_message();
    if (!status.ok()) {
      ++refusals[-static_cast<int32_t>(status.refusal)];
      continue;
    }
    if (make.Below(3) == 0) {
      engine->Rollback();
      ASSERT_EQ(Serials(*engine), before);
    } else {
      engine->Publish();
      ++taken;
    }
    // Whatever was undone or refused has left nothing behind that would change a view.
    const auto after = Serials(*engine);
    ASSERT_TRUE(engine->Commit({}).ok());
    engine->Publish();
    ASSERT_EQ(Serials(*engine), after);
  }
  EXPECT_GT(taken, 1000);
  EXPECT_GT(refusals[1], 10);
  EXPECT_GT(refusals[3], 10);
  EXPECT_GT(refusals[4], 1000);
}

}  // namespace
}  // namespace flatview::engine
