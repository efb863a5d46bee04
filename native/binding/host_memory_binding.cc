#include "binding/host_memory_binding.h"

#include <bit>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "binding/functions.h"
#include "binding/values.h"
#include "kernel/exact_access.h"

namespace flatview::binding {
namespace {

using kernel::HostMemory;
using kernel::SystemError;

bool IsNumber(Arguments& arguments, size_t index) {
  napi_valuetype type = napi_undefined;
  napi_typeof(arguments.env(), arguments.value(index), &type);
  return type == napi_number;
}

uint32_t AccessWidth(Arguments& arguments, size_t index) {
  const uint32_t width = arguments.Uint32(index);
  if (arguments.failed() || kernel::IsAccessWidth(width)) return width;
  return arguments.FailRange(index, "must be 1, 2, 4 or 8");
}

uint64_t MemorySize(Arguments& arguments, size_t index) {
  const uint64_t size = arguments.Uint64(index);
  if (size <= HostMemory::kMaxSize) return size;
  return arguments.FailRange(index, "is more than can be mapped");
}

uint64_t HugePageSize(Arguments& arguments, size_t index) {
  const uint64_t size = MemorySize(arguments, index);
  if (size == 0 || std::has_single_bit(size)) return size;
  return arguments.FailRange(index, "must be 0 or a power of two");
}

}  // namespace

bool HostMemoryBinding::Register(napi_env env, napi_value exports) {
  const Function functions[] = {
      {"hostMemoryAllocate", Callback<&HostMemoryBinding::Allocate>},
      {"hostMemoryAt", Callback<&HostMemoryBinding::At>},
      {"hostMemoryAddress", Callback<&HostMemoryBinding::Address>},
      {"hostMemoryFileDescriptor", Callback<&HostMemoryBinding::FileDescriptor>},
      {"hostMemoryPageSize", Callback<&HostMemoryBinding::PageSize>},
      {"hostMemoryWindow", Callback<&HostMemoryBinding::Window>},
      {"hostMemoryLoad", Callback<&HostMemoryBinding::Load>},
      {"hostMemoryStore", Callback<&HostMemoryBinding::Store>},
      {"hostMemoryCopyOut", Callback<&HostMemoryBinding::CopyOut>},
      {"hostMemoryCopyIn", Callback<&HostMemoryBinding::CopyIn>},
      {"hostMemoryDiscard", Callback<&HostMemoryBinding::Discard>},
      {"hostMemoryClose", Callback<&HostMemoryBinding::Close>},
      {"hostMemoryRelease", Callback<&HostMemoryBinding::Release>},
  };
  return Define(env, exports, functions, this);
}

napi_value HostMemoryBinding::Allocate(Arguments& arguments) {
  const HostMemory::Options options = {
      .size = MemorySize(arguments, 0),
      .shared = arguments.Bool(1),
      .huge_page_size = HugePageSize(arguments, 2),
      .transparent_huge_pages = arguments.Bool(3),
      .name = arguments.String(4),
  };
  if (arguments.failed()) return nullptr;
  return Adopt(arguments, HostMemory::Allocate(options));
}

napi_value HostMemoryBinding::At(Arguments& arguments) {
  const uint64_t address = arguments.Uint64(0);
  const uint64_t size = MemorySize(arguments, 1);
  const bool ends_in_range = size == 0 || address <= UINT64_MAX - (size - 1);
  if (!ends_in_range) arguments.FailRange(1, "leads out of the address range");
  if (arguments.failed()) return nullptr;
  return Adopt(arguments, HostMemory::At(address, size));
}

napi_value HostMemoryBinding::Adopt(Arguments& arguments, Allocation allocation) {
  if (const auto* error = std::get_if<SystemError>(&allocation)) {
    return Failure(arguments.env(), *error);
  }
  auto* memory = std::get_if<HostMemory>(&allocation);
  const uint32_t handle = memories_.Add(std::make_shared<WindowedMemory>(std::move(*memory)));
  if (handle != 0) return Number(arguments.env(), handle);
  napi_throw_range_error(arguments.env(), "ERR_OUT_OF_RANGE", "too many memories are open");
  return nullptr;
}

napi_value HostMemoryBinding::Address(Arguments& arguments) {
  const std::span<std::byte> bytes = Source(arguments, 0);
  if (arguments.failed()) return nullptr;
  return BigInt(arguments.env(), reinterpret_cast<uintptr_t>(bytes.data()));
}

napi_value HostMemoryBinding::FileDescriptor(Arguments& arguments) {
  const WindowedMemory* const memory = Memory(arguments, 0);
  return memory == nullptr ? nullptr : Number(arguments.env(), memory->memory().fd());
}

napi_value HostMemoryBinding::PageSize(Arguments& arguments) {
  if (!IsNumber(arguments, 0)) {
    arguments.Uint8Array(0);
    if (arguments.failed()) return nullptr;
    return BigInt(arguments.env(), HostMemory::OrdinaryPageSize());
  }
  const WindowedMemory* const memory = Memory(arguments, 0);
  return memory == nullptr ? nullptr : BigInt(arguments.env(), memory->memory().page_size());
}

napi_value HostMemoryBinding::Window(Arguments& arguments) {
  WindowedMemory* const memory = Memory(arguments, 0);
  const uint64_t length = arguments.Uint64(2);
  const std::span<std::byte> part = Part(arguments, length);
  RefuseDevice(arguments);
  const bool fits = length > 0 && length <= WindowedMemory::kMaxWindow;
  if (!fits) arguments.FailRange(2, "must be from 1 to 2^32");
  if (arguments.failed()) return nullptr;
  napi_value buffer = nullptr;
  const napi_status status = memory->MakeWindow(arguments.env(), part, &buffer);
  // `undefined` where the runtime forbids such buffers; any other failure has thrown.
  return status == napi_ok ? buffer : nullptr;
}

napi_value HostMemoryBinding::Load(Arguments& arguments) {
  const uint32_t width = AccessWidth(arguments, 2);
  const std::span<std::byte> part = Part(arguments, width);
  if (arguments.failed()) return nullptr;
  const std::optional<uint64_t> value = kernel::Load(part.data(), width);
  return value.has_value() ? BigInt(arguments.env(), *value) : nullptr;
}

napi_value HostMemoryBinding::Store(Arguments& arguments) {
  const uint32_t width = AccessWidth(arguments, 2);
  const uint64_t value = arguments.Uint64(3);
  const std::span<std::byte> part = Part(arguments, width);
  if (arguments.failed()) return nullptr;
  return Boolean(arguments.env(), kernel::Store(part.data(), width, value));
}

napi_value HostMemoryBinding::CopyOut(Arguments& arguments) {
  const std::span<std::byte> into = arguments.Uint8Array(2);
  const std::span<std::byte> part = Part(arguments, into.size());
  return Copy(arguments, into, part);
}

napi_value HostMemoryBinding::CopyIn(Arguments& arguments) {
  const std::span<std::byte> from = arguments.Uint8Array(2);
  const std::span<std::byte> part = Part(arguments, from.size());
  return Copy(arguments, part, from);
}

napi_value HostMemoryBinding::Copy(Arguments& arguments, std::span<std::byte> to,
                                   std::span<const std::byte> from) {
  if (!RefuseDevice(arguments)) return nullptr;
  // The two may overlap: the caller's array can be a view of a window.
  bool copied = true;
  if (CanFail(arguments, 0)) {
    copied = kernel::Move(to.data(), from.data(), from.size());
  } else if (!from.empty()) {
    std::memmove(to.data(), from.data(), from.size());
  }
  return Boolean(arguments.env(), copied);
}

napi_value HostMemoryBinding::Discard(Arguments& arguments) {
  const WindowedMemory* const memory = Memory(arguments, 0);
  const uint64_t offset = arguments.Uint64(1);
  const uint64_t length = arguments.Uint64(2);
  if (arguments.failed()) return nullptr;
  const HostMemory& host = memory->memory();
  RefuseDevice(arguments);
  if (!host.owned()) arguments.FailRange(0, "is not memory that was allocated here");
  if (offset % host.page_size() != 0) arguments.FailRange(1, "is not a multiple of the page size");
  if (length % host.page_size() != 0) arguments.FailRange(2, "is not a multiple of the page size");
  const uint64_t end = host.bytes().size() + host.page_size() - 1;
  if (offset > end || length > end - offset) arguments.FailRange(2, "leads out of the memory");
  if (arguments.failed()) return nullptr;
  const auto error = host.Discard(offset, length);
  return error.has_value() ? Failure(arguments.env(), *error) : nullptr;
}

napi_value HostMemoryBinding::Close(Arguments& arguments) {
  WindowedMemory* const memory = Memory(arguments, 0);
  if (memory == nullptr) return nullptr;
  memory->Close(arguments.env());
  memories_.Remove(arguments.Uint32(0));
  return nullptr;
}

napi_value HostMemoryBinding::Release(Arguments& arguments) {
  if (Memory(arguments, 0) != nullptr) memories_.Remove(arguments.Uint32(0));
  return nullptr;
}

std::shared_ptr<WindowedMemory> HostMemoryBinding::Find(Arguments& arguments, size_t index) {
  const auto* const found = arguments.Handle(index, memories_);
  return found == nullptr ? nullptr : *found;
}

WindowedMemory* HostMemoryBinding::Memory(Arguments& arguments, size_t index) {
  const auto* const found = arguments.Handle(index, memories_);
  return found == nullptr ? nullptr : found->get();
}

std::span<std::byte> HostMemoryBinding::Source(Arguments& arguments, size_t index) {
  if (!IsNumber(arguments, index)) return arguments.Uint8Array(index);
  const WindowedMemory* const memory = Memory(arguments, index);
  return memory == nullptr ? std::span<std::byte>() : memory->memory().bytes();
}

bool HostMemoryBinding::CanFail(Arguments& arguments, size_t index) {
  if (!IsNumber(arguments, index)) return false;
  const WindowedMemory* const memory = Memory(arguments, index);
  return memory != nullptr && memory->memory().can_fail();
}

bool HostMemoryBinding::RefuseDevice(Arguments& arguments) {
  if (arguments.failed()) return false;
  if (!IsNumber(arguments, 0)) return true;
  const WindowedMemory* const memory = Memory(arguments, 0);
  if (memory != nullptr && memory->memory().is_device()) {
    arguments.FailRange(0, "is a device's: each access has a width");
  }
  return !arguments.failed();
}

std::span<std::byte> HostMemoryBinding::Part(Arguments& arguments, uint64_t length) {
  const std::span<std::byte> bytes = Source(arguments, 0);
  const uint64_t offset = arguments.Uint64(1);
  if (arguments.failed()) return {};
  if (offset <= bytes.size() && length <= bytes.size() - offset) {
    return bytes.subspan(offset, length);
  }
  arguments.FailRange(1, "leads out of the memory");
  return {};
}

}  // namespace flatview::binding
