#pragma once

#include <node_api.h>

#include <cstdint>
#include <memory>
#include <variant>

#include "binding/arguments.h"
#include "binding/direct_memory.h"
#include "binding/engine_binding.h"
#include "binding/handle_table.h"
#include "binding/host_memory_binding.h"
#include "binding/vcpu_runner.h"
#include "kernel/heartbeat.h"
#include "kernel/kvm_system.h"

namespace flatview::binding {

// A vCPU, and who runs it. Gives it back to the kernel in the end; views of its memory may live on.
struct OpenVcpu {
  std::shared_ptr<kernel::kvm::Vcpu> vcpu;
  // What it answers without JavaScript; none unless it is told to.
  std::unique_ptr<DirectMemoryReader> direct{};
  std::shared_ptr<VcpuRunner> runner{};
  std::unique_ptr<kernel::kvm::Heartbeat> heartbeat{};

  explicit OpenVcpu(kernel::kvm::Vcpu opened)
      : vcpu(std::make_shared<kernel::kvm::Vcpu>(std::move(opened))) {}
  OpenVcpu(OpenVcpu&&) = default;
  OpenVcpu& operator=(OpenVcpu&&) = default;
  ~OpenVcpu();

  kernel::kvm::Vcpu::Answerer answerer() const;
  bool running() const { return runner != nullptr && runner->running(); }
};

// KVM as JavaScript uses it; lib/native/kvm-addon.ts documents each function.
//
// Thread safety: none; one for each environment.
class KvmBinding {
 public:
  // Both outlive this.
  KvmBinding(EngineBinding& engines, HostMemoryBinding& memories)
      : engines_(engines), memories_(memories) {}

  // Adds the functions to `exports`. Returns false with an exception pending if that fails.
  bool Register(napi_env env, napi_value exports);

  napi_value Open(Arguments& arguments);
  napi_value CheckExtension(Arguments& arguments);
  napi_value Close(Arguments& arguments);

  napi_value CreateEventFd(Arguments& arguments);

  napi_value CreateVm(Arguments& arguments);
  napi_value VmAt(Arguments& arguments);
  napi_value VmDescriptor(Arguments& arguments);
  napi_value VmCheckExtension(Arguments& arguments);
  napi_value VmEnableCapability(Arguments& arguments);
  napi_value VmSetUserMemoryRegion(Arguments& arguments);
  napi_value VmSetUserMemoryRegion2(Arguments& arguments);
  napi_value VmCreateGuestMemfd(Arguments& arguments);
  napi_value VmIoEventFd(Arguments& arguments);
  napi_value VmRegisterCoalescedMmio(Arguments& arguments);
  napi_value VmUnregisterCoalescedMmio(Arguments& arguments);
  napi_value VmGetDirtyLog(Arguments& arguments);
  napi_value VmClearDirtyLog(Arguments& arguments);
  napi_value VmResetDirtyRings(Arguments& arguments);
  napi_value VmSetTssAddress(Arguments& arguments);
  napi_value VmClose(Arguments& arguments);

  napi_value CreateDirectMemory(Arguments& arguments);
  napi_value DirectMemoryAdd(Arguments& arguments);
  napi_value DirectMemoryRemove(Arguments& arguments);
  napi_value DirectMemoryClose(Arguments& arguments);

  napi_value CreateVcpu(Arguments& arguments);
  napi_value VcpuWindow(Arguments& arguments);
  napi_value VcpuGetRegisters(Arguments& arguments);
  napi_value VcpuSetRegisters(Arguments& arguments);
  napi_value VcpuStatistics(Arguments& arguments);
  napi_value VcpuUseDirectMemory(Arguments& arguments);
  napi_value VcpuDirectAnswers(Arguments& arguments);
  napi_value VcpuRun(Arguments& arguments);
  napi_value VcpuHeartbeat(Arguments& arguments);
  napi_value VcpuStart(Arguments& arguments);
  napi_value VcpuStop(Arguments& arguments);
  napi_value VcpuRequestPause(Arguments& arguments);
  napi_value VcpuAwaitPause(Arguments& arguments);
  napi_value VcpuResume(Arguments& arguments);
  napi_value VcpuClose(Arguments& arguments);

 private:
  EngineBinding& engines_;
  HostMemoryBinding& memories_;
  HandleTable<std::shared_ptr<DirectMemory>> direct_memories_;
  HandleTable<kernel::kvm::System> systems_;
  HandleTable<kernel::kvm::Vm> vms_;
  HandleTable<OpenVcpu> vcpus_;
};

}  // namespace flatview::binding
