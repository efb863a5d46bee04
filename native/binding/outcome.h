#pragma once

#include <node_api.h>

#include <cstdint>
#include <utility>
#include <variant>

#include "binding/arguments.h"
#include "binding/handle_table.h"
#include "binding/values.h"
#include "kernel/ioctl.h"

namespace flatview::binding {

// What becomes of a call of the kernel in JavaScript: the answer, or why it was refused.

inline napi_value Outcome(Arguments& arguments, const kernel::Failure& failure) {
  return failure ? Failure(arguments.env(), *failure) : nullptr;
}

inline napi_value Outcome(Arguments& arguments, const kernel::Answer& answer) {
  const auto* const error = std::get_if<kernel::SystemError>(&answer);
  if (error != nullptr) return Failure(arguments.env(), *error);
  return Number(arguments.env(), *std::get_if<int>(&answer));
}

inline napi_value Outcome(Arguments& arguments,
                          const std::variant<uint64_t, kernel::SystemError>& answer) {
  const auto* const error = std::get_if<kernel::SystemError>(&answer);
  if (error != nullptr) return Failure(arguments.env(), *error);
  return BigInt(arguments.env(), *std::get_if<uint64_t>(&answer));
}

// A handle of what was opened.
template <typename Opened, typename Entry>
napi_value Adopt(Arguments& arguments, std::variant<Opened, kernel::SystemError> opened,
                 HandleTable<Entry>& table) {
  if (const auto* error = std::get_if<kernel::SystemError>(&opened)) {
    return Failure(arguments.env(), *error);
  }
  const uint32_t handle = table.Add(Entry(std::move(*std::get_if<Opened>(&opened))));
  if (handle != 0) return Number(arguments.env(), handle);
  arguments.FailState("too many are open");
  return nullptr;
}

}  // namespace flatview::binding
