#include "binding/dma_map_work.h"

#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "binding/values.h"

namespace flatview::binding {
namespace {

struct DmaMapWork {
  const std::function<kernel::Failure()> map;
  kernel::Failure failure{};
  napi_deferred deferred = nullptr;
  napi_async_work work = nullptr;

  static void Execute(napi_env /*env*/, void* data) {
    auto& self = *static_cast<DmaMapWork*>(data);
    self.failure = self.map();
  }

  static void Complete(napi_env env, napi_status /*status*/, void* data) {
    const std::unique_ptr<DmaMapWork> self(static_cast<DmaMapWork*>(data));
    napi_value outcome = nullptr;
    if (self->failure) {
      outcome = Failure(env, *self->failure);
    } else {
      napi_get_undefined(env, &outcome);
    }
    napi_resolve_deferred(env, self->deferred, outcome);
    napi_delete_async_work(env, self->work);
  }
};

}  // namespace

napi_value MapOnThread(napi_env env, std::function<kernel::Failure()> map) {
  auto self = std::make_unique<DmaMapWork>(DmaMapWork{.map = std::move(map)});
  napi_value promise = nullptr;
  if (napi_create_promise(env, &self->deferred, &promise) != napi_ok) return nullptr;
  const napi_status created =
      napi_create_async_work(env, nullptr, String(env, "flatview:MapDma"), DmaMapWork::Execute,
                             DmaMapWork::Complete, self.get(), &self->work);
  if (created != napi_ok) return nullptr;
  if (napi_queue_async_work(env, self->work) != napi_ok) {
    napi_delete_async_work(env, self->work);
    return nullptr;
  }
  std::ignore = self.release();  // Complete() has it
  return promise;
}

}  // namespace flatview::binding
