#pragma once

#include <node_api.h>

#include <span>
#include <vector>

#include "binding/arguments.h"

namespace flatview::binding {

// A native function as JavaScript sees it.
struct Function {
  const char* name;
  napi_callback callback;
};

namespace internal {

template <typename Binding>
Binding& BindingOf(napi_value (Binding::*)(Arguments&), void* data) {
  return *static_cast<Binding*>(data);
}

}  // namespace internal

// Makes a callback of a method of a binding: `Callback<&EngineBinding::Commit>`. A method returns
// null for `undefined`, and also after it (or Arguments) has thrown.
template <auto kMethod>
napi_value Callback(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  if (arguments.failed()) return nullptr;
  return (internal::BindingOf(kMethod, arguments.data()).*kMethod)(arguments);
}

// Puts `functions` on `exports`, bound to `binding`, which must live as long as the environment.
// Returns false with an exception pending if that fails.
inline bool Define(napi_env env, napi_value exports, std::span<const Function> functions,
                   void* binding) {
  std::vector<napi_property_descriptor> properties;
  properties.reserve(functions.size());
  for (const Function& function : functions) {
    properties.push_back({.utf8name = function.name,
                          .name = nullptr,
                          .method = function.callback,
                          .getter = nullptr,
                          .setter = nullptr,
                          .value = nullptr,
                          .attributes = napi_enumerable,
                          .data = binding});
  }
  return napi_define_properties(env, exports, properties.size(), properties.data()) == napi_ok;
}

}  // namespace flatview::binding
