#include "binding/reader_binding.h"

#include <array>
#include <cstring>
#include <string>

#include "binding/functions.h"
#include "binding/shared_channels.h"

namespace flatview::binding {
namespace {

constexpr std::array<Function, 6> kFunctions = {{
    {"readerOpen", Callback<&ReaderBinding::Open>},
    {"readerClose", Callback<&ReaderBinding::Close>},
    {"readerLeave", Callback<&ReaderBinding::Leave>},
    {"readerLookup", Callback<&ReaderBinding::Lookup>},
    {"readerRegionKind", Callback<&ReaderBinding::RegionKind>},
    {"readerRegionName", Callback<&ReaderBinding::RegionName>},
}};

// What a lookup returns; lib/native/reader-addon.ts has the same.
enum class Outcome : int32_t {
  kNothing = 0,
  kFound = 1,
  kSameAsBefore = 2,
  kAddressSpaceRemoved = -1,
  kEngineDestroyed = -2,
};

napi_value Integer(const Arguments& arguments, int32_t value) {
  napi_value result = nullptr;
  napi_create_int32(arguments.env(), value, &result);
  return result;
}

napi_value Integer(const Arguments& arguments, Outcome outcome) {
  return Integer(arguments, static_cast<int32_t>(outcome));
}

}  // namespace

bool ReaderBinding::Register(napi_env env, napi_value exports) {
  return Define(env, exports, kFunctions, this);
}

napi_value ReaderBinding::Open(Arguments& arguments) {
  const uint64_t token = arguments.Uint64(0);
  if (arguments.failed()) return nullptr;
  auto channel = shared_channels::Find(token);
  // 0 is never a handle.
  if (channel == nullptr) return Integer(arguments, 0);
  const uint32_t handle = readers_.Add(std::make_unique<Reader>(std::move(channel)));
  if (handle == 0) arguments.FailState("too many readers");
  napi_value result = nullptr;
  if (handle != 0) napi_create_uint32(arguments.env(), handle, &result);
  return result;
}

napi_value ReaderBinding::Close(Arguments& arguments) {
  if (arguments.Handle(0, readers_) != nullptr) readers_.Remove(arguments.Uint32(0));
  return nullptr;
}

napi_value ReaderBinding::Leave(Arguments& arguments) {
  const std::unique_ptr<Reader>* const reader = arguments.Handle(0, readers_);
  if (reader != nullptr) (*reader)->views.Leave();
  return nullptr;
}

napi_value ReaderBinding::Lookup(Arguments& arguments) {
  const std::unique_ptr<Reader>* const found = arguments.Handle(0, readers_);
  if (arguments.failed()) return nullptr;
  uint64_t address = 0;
  std::memcpy(&address, exchange_.data(), sizeof(address));
  Reader& reader = **found;
  const engine::PublishedView* const view = reader.views.Enter();
  if (view == nullptr) {
    const bool is_removed = reader.views.end() == engine::ViewChannel::End::kAddressSpaceRemoved;
    return Integer(arguments,
                   is_removed ? Outcome::kAddressSpaceRemoved : Outcome::kEngineDestroyed);
  }
  const engine::FlatRange range = reader.views.AtEntered(address);
  Answer& answer = reader.answer;
  const bool is_hit = range.region != engine::kNoRegion;
  if (is_hit && answer.generation == view->generation && answer.range == range) {
    return Integer(arguments, Outcome::kSameAsBefore);
  }
  if (view->names != reader.names) {
    reader.names = view->names;
    ++answer.names_count;
  }
  answer.range = range;
  answer.generation = view->generation;
  std::memcpy(exchange_.data(), &answer, sizeof(answer));
  return Integer(arguments, is_hit ? Outcome::kFound : Outcome::kNothing);
}

napi_value ReaderBinding::RegionKind(Arguments& arguments) {
  return TextOfRegion(arguments, &engine::RegionName::kind);
}

napi_value ReaderBinding::RegionName(Arguments& arguments) {
  return TextOfRegion(arguments, &engine::RegionName::name);
}

// Of the region that the last lookup found.
napi_value ReaderBinding::TextOfRegion(Arguments& arguments,
                                       std::string engine::RegionName::* text) {
  const std::unique_ptr<Reader>* const found = arguments.Handle(0, readers_);
  if (arguments.failed()) return nullptr;
  const Reader& reader = **found;
  const engine::RegionName* const name =
      reader.names != nullptr ? reader.names->Find(reader.answer.range.region) : nullptr;
  if (name == nullptr) {
    arguments.FailState("the last lookup found no region that has a name");
    return nullptr;
  }
  const std::string& content = name->*text;
  napi_value result = nullptr;
  napi_create_string_utf8(arguments.env(), content.data(), content.size(), &result);
  return result;
}

}  // namespace flatview::binding
