#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <span>
#include <variant>

#include "binding/arguments.h"
#include "binding/handle_table.h"
#include "binding/memory_windows.h"
#include "kernel/host_memory.h"

namespace flatview::binding {

// Host memory as JavaScript uses it; lib/native/host-memory-addon.ts documents each function.
//
// Thread safety: none; one for each environment.
class HostMemoryBinding {
 public:
  // Adds the functions to `exports`. Returns false with an exception pending if that fails.
  bool Register(napi_env env, napi_value exports);

  // What a handle stands for, for other bindings; null after throwing.
  std::shared_ptr<WindowedMemory> Find(Arguments& arguments, size_t index);

  using Allocation = std::variant<kernel::HostMemory, kernel::SystemError>;

  // The handle of new memory, or the failure as an object.
  napi_value Adopt(Arguments& arguments, Allocation allocation);

  napi_value Allocate(Arguments& arguments);
  napi_value At(Arguments& arguments);
  napi_value Address(Arguments& arguments);
  napi_value FileDescriptor(Arguments& arguments);
  napi_value PageSize(Arguments& arguments);
  napi_value Window(Arguments& arguments);
  napi_value Load(Arguments& arguments);
  napi_value Store(Arguments& arguments);
  napi_value CopyOut(Arguments& arguments);
  napi_value CopyIn(Arguments& arguments);
  napi_value Discard(Arguments& arguments);
  napi_value Close(Arguments& arguments);
  napi_value Release(Arguments& arguments);

 private:
  // The memory that a handle stands for; null after throwing.
  WindowedMemory* Memory(Arguments& arguments, size_t index);
  // All bytes of a source: a handle's memory, or the caller's Uint8Array.
  std::span<std::byte> Source(Arguments& arguments, size_t index);
  // `length` bytes at the offset given by argument 1 of the source given by argument 0.
  std::span<std::byte> Part(Arguments& arguments, uint64_t length);
  // Copies between a source, argument 0, and an array of the caller's. Whether both answered.
  napi_value Copy(Arguments& arguments, std::span<std::byte> to, std::span<const std::byte> from);
  // Whether accesses to a source may fail (HostMemory::can_fail); of an array of the caller's not.
  bool CanFail(Arguments& arguments, size_t index);
  // Refuses a device's memory where accesses would be of whatever width: false after throwing.
  bool RefuseDevice(Arguments& arguments);

  HandleTable<std::shared_ptr<WindowedMemory>> memories_;
};

}  // namespace flatview::binding
