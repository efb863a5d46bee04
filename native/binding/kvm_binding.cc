#include "binding/kvm_binding.h"

#include <cerrno>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "binding/functions.h"
#include "binding/outcome.h"
#include "binding/values.h"
#include "kernel/event_fd.h"

namespace flatview::binding {
namespace {

using kernel::SystemError;
using kernel::kvm::RegisterSet;
using kernel::kvm::System;
using kernel::kvm::Vcpu;
using kernel::kvm::Vm;

// Arguments from `first` on: slot, flags, guest address, size, host address.
kernel::kvm::UserMemoryRegion MemoryRegion(Arguments& arguments, size_t first) {
  return {.slot = arguments.Uint32(first),
          .flags = arguments.Uint32(first + 1),
          .guest_address = arguments.Uint64(first + 2),
          .size = arguments.Uint64(first + 3),
          .host_address = arguments.Uint64(first + 4)};
}

// Arguments from `first` on: address, size, whether it is a port.
kernel::kvm::CoalescedZone CoalescedZone(Arguments& arguments, size_t first) {
  return {.address = arguments.Uint64(first),
          .size = arguments.Uint32(first + 1),
          .is_port = arguments.Bool(first + 2) ? 1u : 0u};
}

RegisterSet WhichRegisters(Arguments& arguments, size_t index) {
  const uint32_t set = arguments.Uint32(index);
  if (set > 1) arguments.FailRange(index, "must be 0 or 1");
  return set == 0 ? RegisterSet::kGeneral : RegisterSet::kSpecial;
}

std::span<std::byte> Registers(Arguments& arguments, size_t index, RegisterSet set) {
  const std::span<std::byte> bytes = arguments.Uint8Array(index);
  if (!arguments.failed() && bytes.size() != Vcpu::Bytes(set)) {
    arguments.FailRange(index, "has another size than the registers");
  }
  return bytes;
}

// An entry that nobody runs; null after throwing.
OpenVcpu* IdleVcpu(Arguments& arguments, HandleTable<OpenVcpu>& vcpus) {
  OpenVcpu* const entry = arguments.Handle(0, vcpus);
  if (entry == nullptr) return nullptr;
  if (entry->running()) arguments.FailState("the vCPU runs on a thread of its own");
  return arguments.failed() ? nullptr : entry;
}

}  // namespace

OpenVcpu::~OpenVcpu() {
  if (vcpu == nullptr) return;  // moved
  heartbeat.reset();
  if (runner != nullptr) runner->Abandon();
  vcpu->gate().Close();
  vcpu->Vacate();
}

kernel::kvm::Vcpu::Answerer OpenVcpu::answerer() const {
  if (direct == nullptr) return nullptr;
  return [&reader = *direct](kernel::kvm::RunPage& page) { return reader.Answer(page); };
}

bool KvmBinding::Register(napi_env env, napi_value exports) {
  const Function functions[] = {
      {"kvmOpen", Callback<&KvmBinding::Open>},
      {"kvmCheckExtension", Callback<&KvmBinding::CheckExtension>},
      {"kvmClose", Callback<&KvmBinding::Close>},
      {"kvmCreateEventFd", Callback<&KvmBinding::CreateEventFd>},
      {"kvmCreateVm", Callback<&KvmBinding::CreateVm>},
      {"kvmVmAt", Callback<&KvmBinding::VmAt>},
      {"kvmVmDescriptor", Callback<&KvmBinding::VmDescriptor>},
      {"kvmVmCheckExtension", Callback<&KvmBinding::VmCheckExtension>},
      {"kvmVmEnableCapability", Callback<&KvmBinding::VmEnableCapability>},
      {"kvmVmSetUserMemoryRegion", Callback<&KvmBinding::VmSetUserMemoryRegion>},
      {"kvmVmSetUserMemoryRegion2", Callback<&KvmBinding::VmSetUserMemoryRegion2>},
      {"kvmVmCreateGuestMemfd", Callback<&KvmBinding::VmCreateGuestMemfd>},
      {"kvmVmIoEventFd", Callback<&KvmBinding::VmIoEventFd>},
      {"kvmVmRegisterCoalescedMmio", Callback<&KvmBinding::VmRegisterCoalescedMmio>},
      {"kvmVmUnregisterCoalescedMmio", Callback<&KvmBinding::VmUnregisterCoalescedMmio>},
      {"kvmVmGetDirtyLog", Callback<&KvmBinding::VmGetDirtyLog>},
      {"kvmVmClearDirtyLog", Callback<&KvmBinding::VmClearDirtyLog>},
      {"kvmVmResetDirtyRings", Callback<&KvmBinding::VmResetDirtyRings>},
      {"kvmVmSetTssAddress", Callback<&KvmBinding::VmSetTssAddress>},
      {"kvmVmClose", Callback<&KvmBinding::VmClose>},
      {"kvmCreateDirectMemory", Callback<&KvmBinding::CreateDirectMemory>},
      {"kvmDirectMemoryAdd", Callback<&KvmBinding::DirectMemoryAdd>},
      {"kvmDirectMemoryRemove", Callback<&KvmBinding::DirectMemoryRemove>},
      {"kvmDirectMemoryClose", Callback<&KvmBinding::DirectMemoryClose>},
      {"kvmCreateVcpu", Callback<&KvmBinding::CreateVcpu>},
      {"kvmVcpuWindow", Callback<&KvmBinding::VcpuWindow>},
      {"kvmVcpuGetRegisters", Callback<&KvmBinding::VcpuGetRegisters>},
      {"kvmVcpuSetRegisters", Callback<&KvmBinding::VcpuSetRegisters>},
      {"kvmVcpuStatistics", Callback<&KvmBinding::VcpuStatistics>},
      {"kvmVcpuUseDirectMemory", Callback<&KvmBinding::VcpuUseDirectMemory>},
      {"kvmVcpuDirectAnswers", Callback<&KvmBinding::VcpuDirectAnswers>},
      {"kvmVcpuRun", Callback<&KvmBinding::VcpuRun>},
      {"kvmVcpuHeartbeat", Callback<&KvmBinding::VcpuHeartbeat>},
      {"kvmVcpuStart", Callback<&KvmBinding::VcpuStart>},
      {"kvmVcpuStop", Callback<&KvmBinding::VcpuStop>},
      {"kvmVcpuRequestPause", Callback<&KvmBinding::VcpuRequestPause>},
      {"kvmVcpuAwaitPause", Callback<&KvmBinding::VcpuAwaitPause>},
      {"kvmVcpuResume", Callback<&KvmBinding::VcpuResume>},
      {"kvmVcpuClose", Callback<&KvmBinding::VcpuClose>},
  };
  return Define(env, exports, functions, this);
}

napi_value KvmBinding::Open(Arguments& arguments) {
  const std::string path = arguments.String(0);
  if (arguments.failed()) return nullptr;
  return Adopt(arguments, System::Open(path), systems_);
}

napi_value KvmBinding::CheckExtension(Arguments& arguments) {
  const System* const system = arguments.Handle(0, systems_);
  const uint32_t capability = arguments.Uint32(1);
  return arguments.failed() ? nullptr : Outcome(arguments, system->CheckExtension(capability));
}

napi_value KvmBinding::Close(Arguments& arguments) {
  if (arguments.Handle(0, systems_) != nullptr) systems_.Remove(arguments.Uint32(0));
  return nullptr;
}

napi_value KvmBinding::CreateEventFd(Arguments& arguments) {
  return Outcome(arguments, kernel::CreateEventFd());
}

napi_value KvmBinding::CreateVm(Arguments& arguments) {
  const System* const system = arguments.Handle(0, systems_);
  const uint64_t type = arguments.Uint64(1);
  return arguments.failed() ? nullptr : Adopt(arguments, system->CreateVm(type), vms_);
}

napi_value KvmBinding::VmAt(Arguments& arguments) {
  const System* const system = arguments.Handle(0, systems_);
  const int32_t fd = arguments.Int32(1);
  return arguments.failed() ? nullptr : Adopt(arguments, system->VmAt(fd), vms_);
}

napi_value KvmBinding::VmDescriptor(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  return vm == nullptr ? nullptr : Number(arguments.env(), vm->fd());
}

napi_value KvmBinding::VmCheckExtension(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const uint32_t capability = arguments.Uint32(1);
  return arguments.failed() ? nullptr : Outcome(arguments, vm->CheckExtension(capability));
}

napi_value KvmBinding::VmEnableCapability(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const uint32_t capability = arguments.Uint32(1);
  const uint64_t argument = arguments.Uint64(2);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, vm->EnableCapability(capability, argument));
}

napi_value KvmBinding::VmSetUserMemoryRegion(Arguments& arguments) {
  Vm* const vm = arguments.Handle(0, vms_);
  const auto region = MemoryRegion(arguments, 1);
  return arguments.failed() ? nullptr : Outcome(arguments, vm->SetUserMemoryRegion(region));
}

napi_value KvmBinding::VmSetUserMemoryRegion2(Arguments& arguments) {
  Vm* const vm = arguments.Handle(0, vms_);
  const auto region = MemoryRegion(arguments, 1);
  const uint32_t guest_memfd = arguments.Uint32(6);
  const uint64_t offset = arguments.Uint64(7);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, vm->SetUserMemoryRegion2(region, guest_memfd, offset));
}

napi_value KvmBinding::VmCreateGuestMemfd(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const uint64_t size = arguments.Uint64(1);
  const uint64_t flags = arguments.Uint64(2);
  return arguments.failed() ? nullptr : Outcome(arguments, vm->CreateGuestMemfd(size, flags));
}

napi_value KvmBinding::VmIoEventFd(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const kernel::kvm::IoEventFd ioeventfd = {.data = arguments.Uint64(3),
                                            .address = arguments.Uint64(1),
                                            .size = arguments.Uint32(2),
                                            .fd = arguments.Int32(4),
                                            .flags = arguments.Uint32(5),
                                            .reserved = {}};
  return arguments.failed() ? nullptr : Outcome(arguments, vm->SetIoEventFd(ioeventfd));
}

napi_value KvmBinding::VmRegisterCoalescedMmio(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const auto zone = CoalescedZone(arguments, 1);
  return arguments.failed() ? nullptr : Outcome(arguments, vm->RegisterCoalescedMmio(zone));
}

napi_value KvmBinding::VmUnregisterCoalescedMmio(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const auto zone = CoalescedZone(arguments, 1);
  return arguments.failed() ? nullptr : Outcome(arguments, vm->UnregisterCoalescedMmio(zone));
}

napi_value KvmBinding::VmGetDirtyLog(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const uint32_t slot = arguments.Uint32(1);
  const std::span<std::byte> bitmap = arguments.Uint8Array(2);
  if (arguments.failed()) return nullptr;
  // The kernel writes as much as the slot has pages, wherever that ends.
  const std::optional<size_t> needed = vm->DirtyBitmapBytes(slot);
  if (!needed) return Failure(arguments.env(), vm->RefuseDirtyLog(slot));
  if (bitmap.size() < *needed) arguments.FailRange(2, "has less than a bit for each page");
  return arguments.failed() ? nullptr : Outcome(arguments, vm->GetDirtyLog(slot, bitmap));
}

napi_value KvmBinding::VmClearDirtyLog(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const uint32_t slot = arguments.Uint32(1);
  const uint64_t first_page = arguments.Uint64(2);
  const uint32_t page_count = arguments.Uint32(3);
  const std::span<std::byte> bitmap = arguments.Uint8Array(4);
  if (arguments.failed()) return nullptr;
  if (bitmap.size() < kernel::kvm::DirtyBitmapBytes(page_count)) {
    arguments.FailRange(4, "has less than a bit for each page");
    return nullptr;
  }
  return Outcome(arguments, vm->ClearDirtyLog(slot, first_page, page_count, bitmap));
}

napi_value KvmBinding::VmResetDirtyRings(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  return vm == nullptr ? nullptr : Outcome(arguments, vm->ResetDirtyRings());
}

napi_value KvmBinding::VmSetTssAddress(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const uint64_t address = arguments.Uint64(1);
  return arguments.failed() ? nullptr : Outcome(arguments, vm->SetTssAddress(address));
}

napi_value KvmBinding::VmClose(Arguments& arguments) {
  if (arguments.Handle(0, vms_) != nullptr) vms_.Remove(arguments.Uint32(0));
  return nullptr;
}

napi_value KvmBinding::CreateDirectMemory(Arguments& arguments) {
  auto channel = engines_.Channel(arguments, 0);
  if (channel == nullptr) return nullptr;
  const uint32_t handle = direct_memories_.Add(std::make_shared<DirectMemory>(std::move(channel)));
  if (handle == 0) arguments.FailState("too many are open");
  return handle == 0 ? nullptr : Number(arguments.env(), handle);
}

napi_value KvmBinding::DirectMemoryAdd(Arguments& arguments) {
  const auto* const direct = arguments.Handle(0, direct_memories_);
  const uint32_t region = arguments.Uint32(1);
  const uint32_t kind = arguments.Uint32(2);
  auto memory = memories_.Find(arguments, 3);
  if (kind > static_cast<uint32_t>(DirectKind::kRomDevice)) arguments.FailRange(2, "is no kind");
  if (arguments.failed()) return nullptr;
  (*direct)->Add(region, static_cast<DirectKind>(kind), MemoryLoan(std::move(memory)));
  return nullptr;
}

napi_value KvmBinding::DirectMemoryRemove(Arguments& arguments) {
  const auto* const direct = arguments.Handle(0, direct_memories_);
  const uint32_t region = arguments.Uint32(1);
  if (!arguments.failed()) (*direct)->Remove(region);
  return nullptr;
}

napi_value KvmBinding::DirectMemoryClose(Arguments& arguments) {
  if (arguments.Handle(0, direct_memories_) == nullptr) return nullptr;
  direct_memories_.Remove(arguments.Uint32(0));
  return nullptr;
}

napi_value KvmBinding::VcpuUseDirectMemory(Arguments& arguments) {
  OpenVcpu* const entry = IdleVcpu(arguments, vcpus_);
  const auto* const direct = arguments.Handle(1, direct_memories_);
  if (arguments.failed()) return nullptr;
  entry->direct = std::make_unique<DirectMemoryReader>(*direct);
  return nullptr;
}

napi_value KvmBinding::VcpuDirectAnswers(Arguments& arguments) {
  const OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  const uint32_t answer = arguments.Uint32(1);
  if (answer >= DirectMemoryReader::kAnswers) arguments.FailRange(1, "is no kind of answer");
  if (arguments.failed()) return nullptr;
  const DirectMemoryReader* const direct = entry->direct.get();
  const auto kind = static_cast<DirectMemoryReader::AnsweredBy>(answer);
  const uint64_t count = direct == nullptr ? 0 : direct->count(kind);
  return Number(arguments.env(), static_cast<double>(count));
}

napi_value KvmBinding::CreateVcpu(Arguments& arguments) {
  const Vm* const vm = arguments.Handle(0, vms_);
  const uint32_t id = arguments.Uint32(1);
  const uint32_t dirty_ring_bytes = arguments.Uint32(2);
  if (arguments.failed()) return nullptr;
  return Adopt(arguments, vm->CreateVcpu(id, dirty_ring_bytes), vcpus_);
}

napi_value KvmBinding::VcpuWindow(Arguments& arguments) {
  const OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  if (entry == nullptr) return nullptr;
  using Share = std::shared_ptr<Vcpu>;
  auto share = std::make_unique<Share>(entry->vcpu);
  const auto give_back = [](napi_env, void*, void* returned) {
    const std::unique_ptr<Share> owned(static_cast<Share*>(returned));
  };
  const std::span<std::byte> bytes = entry->vcpu->mapping();
  napi_value window = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      arguments.env(), bytes.data(), bytes.size(), give_back, share.get(), &window);
  if (status == napi_no_external_buffers_allowed) return nullptr;
  std::ignore = share.release();  // the finalizer has it, even if the call failed
  return window;
}

napi_value KvmBinding::VcpuGetRegisters(Arguments& arguments) {
  const OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  const RegisterSet set = WhichRegisters(arguments, 1);
  const std::span<std::byte> registers = Registers(arguments, 2, set);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, entry->vcpu->GetRegisters(set, registers));
}

napi_value KvmBinding::VcpuSetRegisters(Arguments& arguments) {
  const OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  const RegisterSet set = WhichRegisters(arguments, 1);
  const std::span<std::byte> registers = Registers(arguments, 2, set);
  if (arguments.failed()) return nullptr;
  return Outcome(arguments, entry->vcpu->SetRegisters(set, registers));
}

napi_value KvmBinding::VcpuStatistics(Arguments& arguments) {
  const OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  if (entry == nullptr) return nullptr;
  const auto read = entry->vcpu->ReadStatistics();
  if (const auto* error = std::get_if<SystemError>(&read)) return Failure(arguments.env(), *error);
  const auto& bytes = *std::get_if<std::vector<std::byte>>(&read);
  void* data = nullptr;
  napi_value copy = nullptr;
  const napi_status status = napi_create_arraybuffer(arguments.env(), bytes.size(), &data, &copy);
  if (status == napi_ok) std::copy(bytes.begin(), bytes.end(), static_cast<std::byte*>(data));
  return copy;
}

napi_value KvmBinding::VcpuRun(Arguments& arguments) {
  const OpenVcpu* const entry = IdleVcpu(arguments, vcpus_);
  if (entry == nullptr) return nullptr;
  const kernel::Failure failure = entry->vcpu->Run(entry->answerer());
  return Number(arguments.env(), failure ? failure->number : 0);
}

napi_value KvmBinding::VcpuHeartbeat(Arguments& arguments) {
  OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  const bool beats = arguments.Bool(1);
  if (arguments.failed()) return nullptr;
  entry->heartbeat.reset();
  if (!beats) return nullptr;
  auto started = kernel::kvm::Heartbeat::Start(entry->vcpu->gate());
  if (const auto* error = std::get_if<SystemError>(&started)) {
    return Failure(arguments.env(), *error);
  }
  entry->heartbeat = std::move(*std::get_if<std::unique_ptr<kernel::kvm::Heartbeat>>(&started));
  return nullptr;
}

napi_value KvmBinding::VcpuStart(Arguments& arguments) {
  OpenVcpu* const entry = IdleVcpu(arguments, vcpus_);
  const napi_value callback = arguments.Function(1);
  if (arguments.failed()) return nullptr;
  auto started = VcpuRunner::Start(arguments.env(), entry->vcpu, entry->answerer(), callback);
  if (const auto* error = std::get_if<SystemError>(&started)) {
    return Failure(arguments.env(), *error);
  }
  entry->runner = std::move(*std::get_if<std::shared_ptr<VcpuRunner>>(&started));
  return nullptr;
}

napi_value KvmBinding::VcpuStop(Arguments& arguments) {
  const OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  if (entry != nullptr && entry->runner != nullptr) entry->runner->Stop();
  return nullptr;
}

napi_value KvmBinding::VcpuRequestPause(Arguments& arguments) {
  OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  if (entry != nullptr) entry->vcpu->gate().RequestPause();
  return nullptr;
}

napi_value KvmBinding::VcpuAwaitPause(Arguments& arguments) {
  OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  if (entry != nullptr) entry->vcpu->gate().AwaitOut();
  return nullptr;
}

napi_value KvmBinding::VcpuResume(Arguments& arguments) {
  OpenVcpu* const entry = arguments.Handle(0, vcpus_);
  if (entry != nullptr) entry->vcpu->gate().Resume();
  return nullptr;
}

napi_value KvmBinding::VcpuClose(Arguments& arguments) {
  if (arguments.Handle(0, vcpus_) != nullptr) vcpus_.Remove(arguments.Uint32(0));
  return nullptr;
}

}  // namespace flatview::binding
