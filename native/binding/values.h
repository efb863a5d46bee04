#pragma once

#include <node_api.h>

#include <cstdint>
#include <string>

#include "kernel/system_error.h"

namespace flatview::binding {

// JavaScript's values of C++'s.

inline napi_value Number(napi_env env, double number) {
  napi_value result = nullptr;
  napi_create_double(env, number, &result);
  return result;
}

inline napi_value Boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

inline napi_value BigInt(napi_env env, uint64_t number) {
  napi_value result = nullptr;
  napi_create_bigint_uint64(env, number, &result);
  return result;
}

inline napi_value String(napi_env env, const std::string& text) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

// The kernel's refusal as a SystemCallFailure of lib/native/system-call.ts.
inline napi_value Failure(napi_env env, const kernel::SystemError& error) {
  napi_value result = nullptr;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "call", String(env, error.call));
  napi_set_named_property(env, result, "arguments", String(env, error.arguments));
  napi_set_named_property(env, result, "errno", Number(env, error.number));
  return result;
}

}  // namespace flatview::binding
