#pragma once

#include <node_api.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "binding/handle_table.h"

namespace flatview::binding {

// The arguments of one call from JavaScript. Every read checks type and range; the first one that
// fails throws a TypeError or RangeError that names the argument, and from then on every read
// returns zero (or null, or empty). So a function reads all it needs, and asks once:
//
//   const uint32_t count = arguments.Uint32(0);
//   const uint64_t address = arguments.Uint64(1);
//   if (arguments.failed()) return nullptr;
//
// Thread safety: lives on the stack of one call.
class Arguments {
 public:
  // No function takes more; what a caller passes beyond is ignored, as everywhere in JavaScript.
  static constexpr size_t kMax = 8;

  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kMax;
    if (napi_get_cb_info(env, info, &count, values_.data(), nullptr, &data_) != napi_ok) {
      FailRange(0, "cannot be read");
    }
  }

  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  napi_env env() const { return env_; }
  // What the function was defined with: its binding.
  void* data() const { return data_; }
  // A JavaScript exception is pending: return to JavaScript at once.
  bool failed() const { return failed_; }
  // The argument as it came; `undefined` where the caller passed fewer.
  napi_value value(size_t index) const { return values_[index]; }

  // An integer from 0 to 2^32 - 1, as a number.
  uint32_t Uint32(size_t index) {
    return static_cast<uint32_t>(Integer(index, 0, std::numeric_limits<uint32_t>::max()));
  }

  // An integer from -2^31 to 2^31 - 1, as a number.
  int32_t Int32(size_t index) {
    return static_cast<int32_t>(
        Integer(index, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
  }

  // An integer from 0 to 2^64 - 1, as a bigint, or as a number up to 2^53 - 1.
  uint64_t Uint64(size_t index) {
    if (failed_) return 0;
    uint64_t result = 0;
    bool lossless = false;
    if (napi_get_value_bigint_uint64(env_, values_[index], &result, &lossless) == napi_ok) {
      return lossless ? result : FailRange(index, "must be from 0 to 2^64 - 1");
    }
    return static_cast<uint64_t>(Integer(index, 0, kMaxSafeInteger));
  }

  bool Bool(size_t index) {
    if (failed_) return false;
    bool result = false;
    const napi_status status = napi_get_value_bool(env_, values_[index], &result);
    if (status != napi_ok) FailType(index, "must be a boolean");
    return result;
  }

  napi_value Function(size_t index) {
    napi_valuetype type = napi_undefined;
    if (!failed_) napi_typeof(env_, values_[index], &type);
    if (type != napi_function) FailType(index, "must be a function");
    return values_[index];
  }

  // A string, as UTF-8.
  std::string String(size_t index) {
    if (failed_) return {};
    size_t length = 0;
    if (napi_get_value_string_utf8(env_, values_[index], nullptr, 0, &length) != napi_ok) {
      FailType(index, "must be a string");
      return {};
    }
    std::string result(length, '\0');
    napi_get_value_string_utf8(env_, values_[index], result.data(), length + 1, &length);
    return result;
  }

  // The bytes of an ArrayBuffer (not of a SharedArrayBuffer). Valid during the call, or for as long
  // as a reference keeps the buffer alive and nobody detaches it.
  std::span<std::byte> ArrayBuffer(size_t index) {
    if (failed_) return {};
    void* bytes = nullptr;
    size_t length = 0;
    if (napi_get_arraybuffer_info(env_, values_[index], &bytes, &length) != napi_ok) {
      FailType(index, "must be an ArrayBuffer");
      return {};
    }
    return {static_cast<std::byte*>(bytes), length};
  }

  // The bytes of a Uint8Array, over whatever kind of buffer it lies. Valid during the call.
  std::span<std::byte> Uint8Array(size_t index) {
    if (failed_) return {};
    napi_typedarray_type type = napi_int8_array;
    void* bytes = nullptr;
    size_t length = 0;
    const napi_status status =
        napi_get_typedarray_info(env_, values_[index], &type, &length, &bytes, nullptr, nullptr);
    if (status != napi_ok || type != napi_uint8_array) {
      FailType(index, "must be a Uint8Array");
      return {};
    }
    return {static_cast<std::byte*>(bytes), length};
  }

  // What the handle stands for in `table`.
  template <typename T>
  T* Handle(size_t index, HandleTable<T>& table) {
    const uint32_t handle = Uint32(index);
    if (failed_) return nullptr;
    T* const found = table.Find(handle);
    if (found == nullptr) FailRange(index, "is not a live handle");
    return found;
  }

  // Throws a RangeError: "argument 2 " and then `what`. For a caller's own checks. Returns 0.
  uint32_t FailRange(size_t index, const char* what) {
    return Fail(napi_throw_range_error, "ERR_OUT_OF_RANGE", index, what);
  }

  // The same for a TypeError.
  uint32_t FailType(size_t index, const char* what) {
    return Fail(napi_throw_type_error, "ERR_INVALID_ARG_TYPE", index, what);
  }

  // Throws an Error: the call makes no sense now, whatever its arguments.
  void FailState(const char* message) {
    if (!failed_) napi_throw_error(env_, "ERR_INVALID_STATE", message);
    failed_ = true;
  }

 private:
  static constexpr double kMaxSafeInteger = 9007199254740991.0;

  double Integer(size_t index, double min, double max) {
    if (failed_) return 0;
    double result = 0;
    if (napi_get_value_double(env_, values_[index], &result) != napi_ok) {
      return FailType(index, "must be an integer");
    }
    // NaN fails both comparisons.
    const bool in_range = result >= min && result <= max;
    if (!in_range) return FailRange(index, "is out of range");
    if (result != std::trunc(result)) {
      return FailRange(index, "must be an integer");
    }
    return result;
  }

  using Throw = napi_status (*)(napi_env, const char* code, const char* message);

  uint32_t Fail(Throw raise, const char* code, size_t index, const char* what) {
    const std::string message = "argument " + std::to_string(index + 1) + " " + what;
    if (!failed_) raise(env_, code, message.c_str());
    failed_ = true;
    return 0;
  }

  const napi_env env_;
  void* data_ = nullptr;
  bool failed_ = false;
  std::array<napi_value, kMax> values_{};
};

}  // namespace flatview::binding
