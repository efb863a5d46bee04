// The addon: one Instance for each environment (the main thread and every worker has its own), made
// when the environment loads the addon and destroyed with it. All that environments have in common
// is in shared_channels.h.
//
// A binding is a class with a method `bool Register(napi_env, napi_value exports)`; to add one, add
// a member to Instance and a line to Init.

#include <napi.h>

#include <memory>

#include "binding/engine_binding.h"
#include "binding/host_memory_binding.h"
#include "binding/kvm_binding.h"
#include "binding/reader_binding.h"
#include "binding/vfio_binding.h"

namespace flatview::binding {
namespace {

struct Instance {
  EngineBinding engine;
  HostMemoryBinding host_memory;
  KvmBinding kvm{engine, host_memory};
  ReaderBinding readers{engine.exchange()};
  VfioBinding vfio{host_memory};
};

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto instance = std::make_unique<Instance>();
  // A failure leaves an exception pending, which is what JavaScript then sees.
  instance->engine.Register(env, exports);
  instance->host_memory.Register(env, exports);
  instance->kvm.Register(env, exports);
  instance->readers.Register(env, exports);
  instance->vfio.Register(env, exports);
  // Node-API owns it from here, and deletes it when the environment goes.
  env.SetInstanceData(instance.release());
  return exports;
}

}  // namespace
}  // namespace flatview::binding

namespace {

Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  return flatview::binding::Init(env, exports);
}

}  // namespace

NODE_API_MODULE(flatview, InitAddon)
