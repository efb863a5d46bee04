// Feeds the engine with batches of any content, with the self-check on: whatever is committed must
// be what rendering from scratch makes of the tree, and what is refused must leave no trace.
//
// The input is a sequence of commits. Each begins with a byte: how many records follow (low six
// bits), and whether the commit is rolled back (highest bit). A record is 16 bytes, from which one
// of the engine's 64 bytes is made, with fields small enough that records have to do with each
// other.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace flatview::engine {
namespace {

constexpr size_t kInputBytes = 16;

template <typename T>
void Write(std::span<std::byte, kRecordBytes> record, size_t offset, T value) {
  std::memcpy(record.data() + offset, &value, sizeof(value));
}

// 0 to 2^56: five bits of a number, at one of eight places.
uint64_t Spread(uint8_t byte) { return uint64_t{byte & 31u} << (byte >> 5) * 8; }

RegionId Id(uint8_t byte) { return byte == 0xff ? kNoRegion : byte % 24; }

// lib/native/engine-addon.ts describes the bytes of a record.
void MakeRecord(std::span<const uint8_t, kInputBytes> in, std::span<std::byte, kRecordBytes> out) {
  const uint32_t opcode = in[0] % 16 < 12 ? 1 : in[0] % 16 - 11;
  Write(out, 0, opcode);
  Write(out, 4, opcode > 2 ? in[1] % 6u : Id(in[1]));
  if (opcode == 3) {
    Write(out, 8, in[2] & 3u);
    Write(out, 12, Id(in[4]));
    return;
  }
  if (opcode != 1) return;
  const bool alias = (in[2] & region_flag::kAlias) != 0;
  const uint64_t size = Spread(in[7]) + in[8] % 4;
  const uint32_t whole = size == 0 ? region_flag::kWholeSpace : 0;
  const uint32_t flags = (in[2] & 0x7fu) | whole | (in[3] & 1u) << 8 | (in[3] >> 5) << 16;
  Write(out, 8, flags);
  Write(out, 12, Id(in[4]));
  Write(out, 16, static_cast<int32_t>(in[5] % 4) - 1);
  Write(out, 20, alias ? Id(in[6]) : kNoRegion);
  Write(out, 24, Spread(in[9]) + in[10] % 4);
  Write(out, 32, uint64_t{in[11]});
  Write(out, 40, size);
  Write(out, 48, Spread(in[12]) + in[13] % 4);
}

// Commits what the next bytes say, and returns the rest.
std::span<const uint8_t> Commit(Engine& engine, std::span<const uint8_t> input) {
  const bool rolled_back = (input[0] & 0x80) != 0;
  const size_t wanted = (input[0] & 0x3f) + 1u;
  input = input.subspan(1);
  std::vector<std::byte> batch;
  for (size_t i = 0; i < wanted && input.size() >= kInputBytes; ++i) {
    batch.resize(batch.size() + kRecordBytes);
    MakeRecord(input.first<kInputBytes>(), std::span(batch).last<kRecordBytes>());
    input = input.subspan(kInputBytes);
  }
  const Status status = engine.Commit(batch);
  if (status.refusal == Refusal::kSelfCheck) {
    std::fprintf(stderr, "%s\n", engine.self_check_message().c_str());
    std::abort();
  }
  if (!status.ok()) return input;
  if (rolled_back) {
    engine.Rollback();
  } else {
    engine.Publish();
  }
  return input;
}

}  // namespace
}  // namespace flatview::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using flatview::engine::Engine;
  Engine engine({.budget = {.visits = 1u << 14, .paints = 1u << 14}, .self_check = true});
  std::span<const uint8_t> input(data, size);
  while (!input.empty()) input = flatview::engine::Commit(engine, input);
  return 0;
}
