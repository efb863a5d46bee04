// What the WebAssembly module offers: the engine, by functions of numbers and addresses. It imports
// nothing. lib/native/wasm/engine-module.ts declares the same functions, and engine.ts makes of
// them what native/binding makes of the engine: it checks every argument, and owns the handles.
//
// Addresses of 64 bits cross in two halves, low and high: a bigint would have to be made of each.
//
// Thread safety: none; each environment instantiates the module for itself.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "engine/batch.h"
#include "engine/engine.h"
#include "engine/flat_range.h"
#include "engine/flat_view.h"
#include "engine/status.h"

#define FLATVIEW_EXPORT(name) [[clang::export_name(#name)]]

namespace flatview::wasm {

// A view that the caller holds, by its address.
struct HeldView {
  engine::FlatViewPtr view;
};

namespace {

using engine::Engine;
using engine::FlatRange;
using engine::FlatViewPtr;

// Where ranges are written, as many as a call gives at most: the answer to one call, until the
// next.
constexpr size_t kMaxRanges = 2048;
constinit std::array<FlatRange, kMaxRanges> answer{};

uint64_t Address(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

FlatViewPtr PresentView(const Engine& engine, uint32_t space) {
  static const FlatViewPtr empty = std::make_shared<const engine::FlatView>();
  const FlatViewPtr view = engine.View(space);
  return view != nullptr ? view : empty;
}

}  // namespace

FLATVIEW_EXPORT(answer) FlatRange* Answer() { return answer.data(); }

FLATVIEW_EXPORT(batchCreate) std::byte* BatchCreate(uint32_t records) {
  return std::make_unique<std::byte[]>(size_t{records} * engine::kRecordBytes).release();
}

FLATVIEW_EXPORT(batchDestroy) void BatchDestroy(std::byte* batch) {
  const std::unique_ptr<std::byte[]> destroyed(batch);
}

FLATVIEW_EXPORT(engineCreate) Engine* EngineCreate(uint32_t self_check) {
  const Engine::Options options = {.budget = {}, .self_check = self_check != 0};
  return std::make_unique<Engine>(options).release();
}

FLATVIEW_EXPORT(engineDestroy) void EngineDestroy(Engine* engine) {
  const std::unique_ptr<Engine> destroyed(engine);
}

FLATVIEW_EXPORT(enginePending) uint32_t EnginePending(const Engine* engine) {
  return engine->pending() ? 1 : 0;
}

// REQUIRES: no commit is pending. Returns the refusal, of which the first word of the answer is the
// subject.
FLATVIEW_EXPORT(engineCommit)
int32_t EngineCommit(Engine* engine, const std::byte* batch, uint32_t records) {
  const engine::Status status = engine->Commit({batch, size_t{records} * engine::kRecordBytes});
  answer[0].first = status.subject;
  return static_cast<int32_t>(status.refusal);
}

// REQUIRES: a commit is pending.
FLATVIEW_EXPORT(enginePublish) void EnginePublish(Engine* engine) { engine->Publish(); }

FLATVIEW_EXPORT(engineRollback) void EngineRollback(Engine* engine) { engine->Rollback(); }

// The last commit's changes, until the next commit.
FLATVIEW_EXPORT(engineChanges) const uint64_t* EngineChanges(const Engine* engine) {
  return engine->changes().data();
}

FLATVIEW_EXPORT(engineChangeWords) uint32_t EngineChangeWords(const Engine* engine) {
  return static_cast<uint32_t>(engine->changes().size());
}

// What the self-check found last, in ASCII.
FLATVIEW_EXPORT(engineMessage) const char* EngineMessage(const Engine* engine) {
  return engine->self_check_message().data();
}

FLATVIEW_EXPORT(engineMessageBytes) uint32_t EngineMessageBytes(const Engine* engine) {
  return static_cast<uint32_t>(engine->self_check_message().size());
}

FLATVIEW_EXPORT(viewSerial) double ViewSerial(const Engine* engine, uint32_t space) {
  return static_cast<double>(PresentView(*engine, space)->serial());
}

FLATVIEW_EXPORT(viewAcquire) HeldView* ViewAcquire(const Engine* engine, uint32_t space) {
  return std::make_unique<HeldView>(PresentView(*engine, space)).release();
}

// Whether it is another view than before.
FLATVIEW_EXPORT(viewRenew)
uint32_t ViewRenew(HeldView* held, const Engine* engine, uint32_t space) {
  FlatViewPtr present = PresentView(*engine, space);
  const bool is_another = present != held->view;
  held->view = std::move(present);
  return is_another ? 1 : 0;
}

FLATVIEW_EXPORT(viewRelease) void ViewRelease(HeldView* held) {
  const std::unique_ptr<HeldView> released(held);
}

FLATVIEW_EXPORT(viewRoot) uint32_t ViewRoot(const HeldView* held) { return held->view->root(); }

FLATVIEW_EXPORT(viewRangeCount) uint32_t ViewRangeCount(const HeldView* held) {
  return static_cast<uint32_t>(held->view->size());
}

// From the first range that ends at the address or beyond. Returns how many were written.
FLATVIEW_EXPORT(viewRanges)
uint32_t ViewRanges(const HeldView* held, uint32_t low, uint32_t high, uint32_t max_count) {
  const std::span<FlatRange> room =
      std::span(answer).first(std::min<size_t>(max_count, kMaxRanges));
  uint32_t count = 0;
  for (auto ranges = held->view->From(Address(low, high)); count < room.size() && !ranges.at_end();
       ++ranges) {
    room[count++] = *ranges;
  }
  return count;
}

// Writes the range that holds the address, or the hole.
FLATVIEW_EXPORT(viewLookup) void ViewLookup(const HeldView* held, uint32_t low, uint32_t high) {
  answer[0] = held->view->At(Address(low, high));
}

}  // namespace flatview::wasm
