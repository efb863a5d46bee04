#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "binding/arguments.h"
#include "binding/handle_table.h"
#include "engine/engine.h"
#include "engine/flat_view.h"

namespace flatview::binding {

// Engines and flat views as JavaScript uses them; lib/native/engine-addon.ts documents each
// function and the layout of what crosses.
//
// Thread safety: none; one for each environment.
class EngineBinding {
 public:
  // Adds the functions to `exports`. Returns false with an exception pending if that fails.
  bool Register(napi_env env, napi_value exports);

  // Where results go that are larger than a number.
  const std::span<std::byte>& exchange() const { return exchange_; }

  // The channel of arguments `index` (engine) and the next (address space), for other bindings;
  // null after throwing.
  std::shared_ptr<engine::ViewChannel> Channel(Arguments& arguments, size_t index);

  napi_value ExchangeBuffer(Arguments& arguments);
  napi_value Create(Arguments& arguments);
  napi_value Destroy(Arguments& arguments);
  napi_value UseBatch(Arguments& arguments);
  napi_value Commit(Arguments& arguments);
  napi_value ReadChanges(Arguments& arguments);
  napi_value Publish(Arguments& arguments);
  napi_value Rollback(Arguments& arguments);
  napi_value ClearNames(Arguments& arguments);
  napi_value AddName(Arguments& arguments);
  napi_value Share(Arguments& arguments);
  napi_value ViewSerial(Arguments& arguments);
  napi_value AcquireView(Arguments& arguments);
  napi_value RenewView(Arguments& arguments);
  napi_value ReleaseView(Arguments& arguments);
  napi_value ViewRoot(Arguments& arguments);
  napi_value ViewRangeCount(Arguments& arguments);
  napi_value ViewRanges(Arguments& arguments);
  napi_value ViewLookup(Arguments& arguments);

 private:
  using View = std::shared_ptr<const engine::FlatView>;

  struct EngineEntry {
    std::unique_ptr<engine::Engine> engine;
    Napi::ObjectReference batch{};  // keeps the ArrayBuffer alive
    // What readers call regions; null until ClearNames.
    std::shared_ptr<engine::RegionNames> names{};
  };

  engine::Engine* PendingEngine(Arguments& arguments);
  View PresentView(Arguments& arguments, size_t index);
  std::span<const std::byte> BatchOf(Arguments& arguments, const EngineEntry& entry);
  size_t CopyChanges(std::span<const uint64_t> words);

  HandleTable<EngineEntry> engines_;
  HandleTable<View> views_;
  const View empty_view_ = std::make_shared<const engine::FlatView>();
  // Where results go that are larger than a number.
  std::span<std::byte> exchange_;
  Napi::ObjectReference exchange_buffer_;
};

}  // namespace flatview::binding
