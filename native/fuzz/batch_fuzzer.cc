// Feeds the engine with batches, with the self-check on: what is committed must be what rendering
// from scratch makes of the tree, what listeners are told must lead there, what is refused must
// leave no trace, and views that somebody holds must stay as they are.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "fuzz/batch_maker.h"
#include "fuzz/follower.h"

namespace flatview::engine {
namespace {

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// A reader's view, and what it showed when the reader got it.
struct HeldView {
  FlatViewPtr view;
  std::vector<FlatRange> ranges;

  bool IsUnchanged() const {
    auto range = ranges.begin();
    for (const FlatRange now : *view) {
      if (range == ranges.end() || !(now == *range)) return false;
      ++range;
    }
    return range == ranges.end();
  }
};

HeldView Hold(FlatViewPtr view) {
  HeldView held = {.view = std::move(view), .ranges = {}};
  for (const FlatRange range : *held.view) held.ranges.push_back(range);
  return held;
}

// Every range is found by its first and its last address, and nothing beside them.
bool LookupAgrees(const HeldView& held) {
  uint64_t free = 0;
  return std::all_of(held.ranges.begin(), held.ranges.end(), [&](const FlatRange& range) {
    const bool found = held.view->Lookup(range.first) == range &&
                       held.view->Lookup(range.last) == range &&
                       (range.first == free || !held.view->Lookup(range.first - 1));
    free = range.last + 1;
    return found;
  });
}

// Which view there is; where there is no address space, nothing answers, as in the empty view.
uint64_t SerialOf(const Engine& engine) {
  const FlatViewPtr view = engine.View(0);
  return view == nullptr ? 0 : view->serial();
}

// Commits one batch. Returns whether it is in effect.
bool Commit(Engine& engine, const BatchMaker::Batch& batch) {
  const uint64_t before = SerialOf(engine);
  const Status status = engine.Commit(batch.records.bytes());
  Require(status.refusal != Refusal::kSelfCheck, engine.self_check_message().c_str());
  Require(SerialOf(engine) == before, "a view is in effect before it is published");
  if (!status.ok()) return false;
  if (!batch.rolled_back) {
    engine.Publish();
    return true;
  }
  engine.Rollback();
  Require(SerialOf(engine) == before, "a view is another one after a rollback");
  return false;
}

void Run(std::span<const uint8_t> input) {
  Engine engine({.budget = kFuzzBudget, .self_check = true});
  BatchMaker maker(input);
  Follower follower;
  std::vector<HeldView> held;
  while (!maker.done()) {
    const BatchMaker::Batch batch = maker.Next();
    if (!Commit(engine, batch)) {
      maker.TakeBack();
      continue;
    }
    follower.Hear(batch.records.bytes(), engine);
    if (FlatViewPtr view = engine.View(0)) {
      held.push_back(Hold(std::move(view)));
      Require(LookupAgrees(held.back()), "a lookup finds something else than the view shows");
    }
  }
  for (const HeldView& view : held) Require(view.IsUnchanged(), "a view that is held has changed");
}

}  // namespace
}  // namespace flatview::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  flatview::engine::Run({data, size});
  return 0;
}
