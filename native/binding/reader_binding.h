#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "binding/arguments.h"
#include "binding/handle_table.h"
#include "engine/flat_range.h"
#include "engine/region_names.h"
#include "engine/view_reader.h"

namespace flatview::binding {

// Readers of address spaces that any environment of this process has shared;
// lib/native/reader-addon.ts documents each function.
//
// Thread safety: none; one for each environment.
class ReaderBinding {
 public:
  // `exchange` is where results go that are larger than a number. REQUIRES: it lives as long.
  explicit ReaderBinding(const std::span<std::byte>& exchange) : exchange_(exchange) {}

  // Adds the functions to `exports`. Returns false with an exception pending if that fails.
  bool Register(napi_env env, napi_value exports);

  napi_value Open(Arguments& arguments);
  napi_value Close(Arguments& arguments);
  napi_value Leave(Arguments& arguments);
  napi_value Lookup(Arguments& arguments);
  napi_value RegionKind(Arguments& arguments);
  napi_value RegionName(Arguments& arguments);

 private:
  // What crosses after a lookup: lib/native/reader-addon.ts has the same layout.
  struct Answer {
    engine::FlatRange range{};
    uint64_t generation = 0;
    uint64_t names_count = 0;
  };

  struct Reader {
    explicit Reader(std::shared_ptr<engine::ViewChannel> channel) : views(std::move(channel)) {}

    engine::ViewReader views;
    // Of the last lookup.
    Answer answer;
    std::shared_ptr<const engine::RegionNames> names;
  };

  napi_value TextOfRegion(Arguments& arguments, std::string engine::RegionName::* text);

  const std::span<std::byte>& exchange_;
  HandleTable<std::unique_ptr<Reader>> readers_;
};

}  // namespace flatview::binding
