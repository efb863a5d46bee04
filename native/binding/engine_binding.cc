#include "binding/engine_binding.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "binding/functions.h"
#include "binding/shared_channels.h"
#include "engine/batch.h"
#include "engine/flat_range.h"
#include "engine/status.h"

namespace flatview::binding {
namespace {

constexpr size_t kExchangeBytes = size_t{64} * 1024;

// About what a view does not share with those before and after it: one path of its tree (measured:
// 1.1 KB at 1,000 ranges, 1.2 KB at 100,000). Without knowing of it the garbage collector would
// take old views for cheap, and leave hundreds of megabytes of them.
constexpr int64_t kViewBytes = 1024;

constexpr std::array<Function, 19> kFunctions = {{
    {"exchangeBuffer", Callback<&EngineBinding::ExchangeBuffer>},
    {"engineCreate", Callback<&EngineBinding::Create>},
    {"engineDestroy", Callback<&EngineBinding::Destroy>},
    {"engineUseBatch", Callback<&EngineBinding::UseBatch>},
    {"engineCommit", Callback<&EngineBinding::Commit>},
    {"engineReadChanges", Callback<&EngineBinding::ReadChanges>},
    {"enginePublish", Callback<&EngineBinding::Publish>},
    {"engineRollback", Callback<&EngineBinding::Rollback>},
    {"engineClearNames", Callback<&EngineBinding::ClearNames>},
    {"engineAddName", Callback<&EngineBinding::AddName>},
    {"engineShare", Callback<&EngineBinding::Share>},
    {"engineViewSerial", Callback<&EngineBinding::ViewSerial>},
    {"viewAcquire", Callback<&EngineBinding::AcquireView>},
    {"viewRenew", Callback<&EngineBinding::RenewView>},
    {"viewRelease", Callback<&EngineBinding::ReleaseView>},
    {"viewRoot", Callback<&EngineBinding::ViewRoot>},
    {"viewRangeCount", Callback<&EngineBinding::ViewRangeCount>},
    {"viewRanges", Callback<&EngineBinding::ViewRanges>},
    {"viewLookup", Callback<&EngineBinding::ViewLookup>},
}};

napi_value Number(const Arguments& arguments, double value) {
  napi_value result = nullptr;
  napi_create_double(arguments.env(), value, &result);
  return result;
}

napi_value Unsigned(const Arguments& arguments, size_t value) {
  napi_value result = nullptr;
  napi_create_uint32(arguments.env(), static_cast<uint32_t>(value), &result);
  return result;
}

// Keeps an argument alive for as long as the result is.
Napi::ObjectReference Hold(const Arguments& arguments, size_t index) {
  return Napi::Persistent(Napi::Object(arguments.env(), arguments.value(index)));
}

// Tells the garbage collector that it keeps so many bytes more, or fewer, alive out here.
void CountExternalBytes(const Arguments& arguments, int64_t change) {
  int64_t total = 0;
  napi_adjust_external_memory(arguments.env(), change, &total);
}

}  // namespace

bool EngineBinding::Register(napi_env env, napi_value exports) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, kExchangeBytes);
  if (buffer.IsEmpty()) return false;
  exchange_buffer_ = Napi::Persistent(Napi::Object(buffer));
  exchange_ = {static_cast<std::byte*>(buffer.Data()), buffer.ByteLength()};
  return Define(env, exports, kFunctions, this);
}

std::shared_ptr<engine::ViewChannel> EngineBinding::Channel(Arguments& arguments, size_t index) {
  const EngineEntry* const entry = arguments.Handle(index, engines_);
  const uint32_t space = arguments.Uint32(index + 1);
  if (arguments.failed()) return nullptr;
  auto channel = entry->engine->Channel(space);
  if (channel == nullptr) arguments.FailRange(index + 1, "is no address space of this engine");
  return channel;
}

napi_value EngineBinding::ExchangeBuffer(Arguments& arguments) {
  static_cast<void>(arguments);
  return exchange_buffer_.Value();
}

napi_value EngineBinding::Create(Arguments& arguments) {
  const bool self_check = arguments.Bool(0);
  if (arguments.failed()) return nullptr;
  const engine::Engine::Options options = {.budget = {}, .self_check = self_check};
  const uint32_t handle = engines_.Add({.engine = std::make_unique<engine::Engine>(options)});
  if (handle == 0) arguments.FailState("too many engines");
  return handle == 0 ? nullptr : Unsigned(arguments, handle);
}

napi_value EngineBinding::Destroy(Arguments& arguments) {
  EngineEntry* const entry = arguments.Handle(0, engines_);
  if (entry == nullptr) return nullptr;
  engines_.Remove(arguments.Uint32(0));
  return nullptr;
}

napi_value EngineBinding::UseBatch(Arguments& arguments) {
  EngineEntry* const entry = arguments.Handle(0, engines_);
  arguments.ArrayBuffer(1);
  if (arguments.failed()) return nullptr;
  entry->batch = Hold(arguments, 1);
  return nullptr;
}

// The batch as it is now: empty if there is none, or if JavaScript has detached it.
std::span<const std::byte> EngineBinding::BatchOf(Arguments& arguments, const EngineEntry& entry) {
  void* bytes = nullptr;
  size_t length = 0;
  if (entry.batch.IsEmpty()) return {};
  napi_get_arraybuffer_info(arguments.env(), entry.batch.Value(), &bytes, &length);
  return {static_cast<const std::byte*>(bytes), length};
}

napi_value EngineBinding::Commit(Arguments& arguments) {
  const EngineEntry* const entry = arguments.Handle(0, engines_);
  const uint32_t count = arguments.Uint32(1);
  const bool publish = arguments.Bool(2);
  if (arguments.failed()) return nullptr;
  const std::span<const std::byte> batch = BatchOf(arguments, *entry);
  if (count > batch.size() / engine::kRecordBytes) {
    arguments.FailRange(1, "must be at most the number of records in the engine's batch");
  } else if (entry->engine->pending()) {
    arguments.FailState("a commit is pending");
  }
  if (arguments.failed()) return nullptr;

  const engine::Status status = entry->engine->Commit(batch.first(count * engine::kRecordBytes));
  if (status.refusal == engine::Refusal::kSelfCheck) {
    const std::string message = "self-check: " + entry->engine->self_check_message();
    arguments.FailState(message.c_str());
    return nullptr;
  }
  if (!status.ok()) {
    const uint64_t subject = status.subject;
    CopyChanges({&subject, 1});
    return Number(arguments, static_cast<double>(status.refusal));
  }
  if (publish) entry->engine->Publish();
  CopyChanges(entry->engine->changes());
  return Number(arguments, static_cast<double>(entry->engine->changes().size()));
}

// Copies as many words as fit, and returns their number.
size_t EngineBinding::CopyChanges(std::span<const uint64_t> words) {
  const size_t count = std::min(words.size(), exchange_.size() / sizeof(uint64_t));
  if (count > 0) std::memcpy(exchange_.data(), words.data(), count * sizeof(uint64_t));
  return count;
}

napi_value EngineBinding::ReadChanges(Arguments& arguments) {
  const EngineEntry* const entry = arguments.Handle(0, engines_);
  const uint32_t from = arguments.Uint32(1);
  if (arguments.failed()) return nullptr;
  const std::span<const uint64_t> words = entry->engine->changes();
  if (from > words.size()) {
    arguments.FailRange(1, "lies behind the end of the changes");
    return nullptr;
  }
  return Unsigned(arguments, CopyChanges(words.subspan(from)));
}

engine::Engine* EngineBinding::PendingEngine(Arguments& arguments) {
  EngineEntry* const entry = arguments.Handle(0, engines_);
  if (entry != nullptr && !entry->engine->pending()) arguments.FailState("no commit is pending");
  return arguments.failed() ? nullptr : entry->engine.get();
}

napi_value EngineBinding::Publish(Arguments& arguments) {
  if (engine::Engine* const engine = PendingEngine(arguments)) engine->Publish();
  return nullptr;
}

napi_value EngineBinding::Rollback(Arguments& arguments) {
  if (engine::Engine* const engine = PendingEngine(arguments)) engine->Rollback();
  return nullptr;
}

napi_value EngineBinding::ClearNames(Arguments& arguments) {
  EngineEntry* const entry = arguments.Handle(0, engines_);
  if (entry == nullptr) return nullptr;
  entry->names = std::make_shared<engine::RegionNames>();
  entry->engine->UseNames(entry->names);
  return nullptr;
}

napi_value EngineBinding::AddName(Arguments& arguments) {
  const EngineEntry* const entry = arguments.Handle(0, engines_);
  const uint32_t region = arguments.Uint32(1);
  std::string kind = arguments.String(2);
  std::string name = arguments.String(3);
  if (arguments.failed()) return nullptr;
  if (entry->names == nullptr) {
    arguments.FailState("names were not cleared before");
  } else if (!entry->names->Add(region, {std::move(kind), std::move(name)})) {
    arguments.FailRange(1, "must be the id of a region without a name");
  }
  return nullptr;
}

napi_value EngineBinding::Share(Arguments& arguments) {
  const EngineEntry* const entry = arguments.Handle(0, engines_);
  const uint32_t space = arguments.Uint32(1);
  if (arguments.failed()) return nullptr;
  if (entry->engine->pending()) {
    arguments.FailState("a commit is pending");
    return nullptr;
  }
  const auto channel = entry->engine->Channel(space);
  if (channel == nullptr) arguments.FailRange(1, "is no address space of this engine");
  if (channel == nullptr) return nullptr;
  napi_value result = nullptr;
  napi_create_bigint_uint64(arguments.env(), shared_channels::Share(channel), &result);
  return result;
}

// What an address space shows at present: arguments `index` (engine) and the next (address space).
// JavaScript has address spaces before their first commit, which is when the engine hears of them.
EngineBinding::View EngineBinding::PresentView(Arguments& arguments, size_t index) {
  const EngineEntry* const entry = arguments.Handle(index, engines_);
  const uint32_t space = arguments.Uint32(index + 1);
  if (arguments.failed()) return nullptr;
  const View view = entry->engine->View(space);
  return view != nullptr ? view : empty_view_;
}

napi_value EngineBinding::ViewSerial(Arguments& arguments) {
  const View view = PresentView(arguments, 0);
  return view == nullptr ? nullptr : Number(arguments, static_cast<double>(view->serial()));
}

napi_value EngineBinding::AcquireView(Arguments& arguments) {
  View view = PresentView(arguments, 0);
  if (view == nullptr) return nullptr;
  const uint32_t handle = views_.Add(std::move(view));
  if (handle == 0) {
    arguments.FailState("too many views are held");
    return nullptr;
  }
  CountExternalBytes(arguments, kViewBytes);
  return Unsigned(arguments, handle);
}

napi_value EngineBinding::RenewView(Arguments& arguments) {
  View* const view = arguments.Handle(0, views_);
  View present = PresentView(arguments, 1);
  if (present == nullptr) return nullptr;
  napi_value is_another = nullptr;
  napi_get_boolean(arguments.env(), present != *view, &is_another);
  *view = std::move(present);
  return is_another;
}

napi_value EngineBinding::ReleaseView(Arguments& arguments) {
  if (arguments.Handle(0, views_) == nullptr) return nullptr;
  views_.Remove(arguments.Uint32(0));
  CountExternalBytes(arguments, -kViewBytes);
  return nullptr;
}

napi_value EngineBinding::ViewRoot(Arguments& arguments) {
  const View* const view = arguments.Handle(0, views_);
  return view == nullptr ? nullptr : Unsigned(arguments, (*view)->root());
}

napi_value EngineBinding::ViewRangeCount(Arguments& arguments) {
  const View* const view = arguments.Handle(0, views_);
  return view == nullptr ? nullptr : Unsigned(arguments, (*view)->size());
}

napi_value EngineBinding::ViewRanges(Arguments& arguments) {
  const View* const view = arguments.Handle(0, views_);
  const uint64_t from = arguments.Uint64(1);
  const uint32_t max_count = arguments.Uint32(2);
  if (arguments.failed()) return nullptr;
  const size_t room = std::min<size_t>(max_count, exchange_.size() / sizeof(engine::FlatRange));
  size_t count = 0;
  for (auto ranges = (*view)->From(from); count < room && !ranges.at_end(); ++ranges, ++count) {
    const engine::FlatRange range = *ranges;
    std::memcpy(exchange_.data() + count * sizeof(range), &range, sizeof(range));
  }
  return Unsigned(arguments, count);
}

// The address comes, and the answer goes, through the exchange buffer: reading an argument and
// making a result take as long as the lookup.
napi_value EngineBinding::ViewLookup(Arguments& arguments) {
  const View* const view = arguments.Handle(0, views_);
  if (arguments.failed()) return nullptr;
  uint64_t address = 0;
  std::memcpy(&address, exchange_.data(), sizeof(address));
  const engine::FlatRange found = (*view)->At(address);
  std::memcpy(exchange_.data(), &found, sizeof(found));
  return nullptr;
}

}  // namespace flatview::binding
