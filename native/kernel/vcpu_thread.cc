#include "kernel/vcpu_thread.h"

#include <pthread.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace flatview::kernel::kvm {
namespace {

// Signals of the process go to other threads than those that are made while this lives: they would
// only interrupt the guest. How a guest is called out is addressed to its thread, and opened there.
// What the thread's own access to memory raises ends the process where it is blocked.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, GuestGate::CallSignal());
    sigdelset(&all, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

VcpuThread::VcpuThread(Vcpu& vcpu, Vcpu::Answerer answerer, OnExit on_exit)
    : vcpu_(vcpu), answerer_(std::move(answerer)), on_exit_(std::move(on_exit)) {}

std::variant<std::unique_ptr<VcpuThread>, SystemError> VcpuThread::Start(Vcpu& vcpu,
                                                                         Vcpu::Answerer answerer,
                                                                         OnExit on_exit) {
  std::unique_ptr<VcpuThread> made(
      new VcpuThread(vcpu, std::move(answerer), std::move(on_exit)));  // its constructor is private
  const BlockedSignals blocked;
  auto started = Thread::Start([&self = *made] { self.Run(); });
  if (auto* error = std::get_if<SystemError>(&started)) return std::move(*error);
  made->thread_.emplace(std::move(*std::get_if<Thread>(&started)));
  return made;
}

void VcpuThread::Stop() {
  stopped_ = true;
  vcpu_.gate().Call();
}

void VcpuThread::Run() {
  for (bool go_on = true; go_on;) {
    const Failure failure = vcpu_.Run(answerer_);
    const int number = failure ? failure->number : 0;
    if (number == ECANCELED) return;  // the gate is closed
    const bool only_called_out = number == EINTR && !stopped_;
    if (!only_called_out) go_on = on_exit_(failure);
  }
}

}  // namespace flatview::kernel::kvm
