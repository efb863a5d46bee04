#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <variant>

#include "kernel/kvm_vcpu.h"
#include "kernel/thread.h"

namespace flatview::kernel::kvm {

// A thread that does nothing but run one vCPU.
//
// Thread safety: made and destroyed by one thread; Stop() is anybody's.
class VcpuThread {
 public:
  // Called on the thread at every exit, and at every failure of KVM_RUN; EINTR means that Stop()
  // was called. Whether to go on.
  using OnExit = std::function<bool(const Failure&)>;

  // Exits that `answerer` answers, on the thread too, are nobody else's.
  //
  // REQUIRES: `vcpu` outlives this, its gate is open, and nobody else runs it.
  [[nodiscard]] static std::variant<std::unique_ptr<VcpuThread>, SystemError> Start(
      Vcpu& vcpu, Vcpu::Answerer answerer, OnExit on_exit);
  // Waits until on_exit has returned false, or the gate is closed.
  ~VcpuThread() = default;

  VcpuThread(const VcpuThread&) = delete;
  VcpuThread& operator=(const VcpuThread&) = delete;

  // Stops the guest, once the exit that is being answered is.
  void Stop();

 private:
  VcpuThread(Vcpu& vcpu, Vcpu::Answerer answerer, OnExit on_exit);
  void Run();

  Vcpu& vcpu_;
  const Vcpu::Answerer answerer_;
  const OnExit on_exit_;
  std::atomic<bool> stopped_ = false;
  std::optional<Thread> thread_;  // the last: waited for before all else goes
};

}  // namespace flatview::kernel::kvm
