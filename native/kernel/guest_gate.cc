#include "kernel/guest_gate.h"

#include <atomic>
#include <csignal>

namespace flatview::kernel::kvm {
namespace {

void Interrupt(int /*signal*/) {}

// Once in the process.
bool InstallHandler() {
  const int signal = GuestGate::CallSignal();
  struct sigaction present = {};
  sigaction(signal, nullptr, &present);
  if (present.sa_handler != SIG_DFL) return true;
  struct sigaction action = {};
  action.sa_handler = Interrupt;  // without SA_RESTART
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, nullptr) == 0;
}

}  // namespace

int GuestGate::CallSignal() { return SIGRTMIN + 7; }

bool GuestGate::Enter() {
  static const bool installed = InstallHandler();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return pauses_ == 0 || closed_; });
  if (closed_ || !installed) return false;
  inside_ = true;
  inside_thread_ = pthread_self();
  SetImmediateExit(called_);
  return true;
}

void GuestGate::Leave(bool interrupted) {
  const std::lock_guard lock(mutex_);
  inside_ = false;
  if (interrupted) called_ = false;
  changed_.notify_all();
}

void GuestGate::Call() {
  const std::lock_guard lock(mutex_);
  called_ = true;
  CallLocked();
}

void GuestGate::RequestPause() {
  const std::lock_guard lock(mutex_);
  ++pauses_;
  CallLocked();
}

void GuestGate::AwaitOut() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !inside_; });
}

void GuestGate::Resume() {
  const std::lock_guard lock(mutex_);
  if (pauses_ > 0) --pauses_;
  changed_.notify_all();
}

void GuestGate::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  CallLocked();
  changed_.notify_all();
}

void GuestGate::SetImmediateExit(bool value) {
  // The kernel reads it.
  std::atomic_ref(*immediate_exit_).store(value ? 1 : 0, std::memory_order_release);
}

void GuestGate::CallLocked() {
  if (!inside_) return;
  SetImmediateExit(true);
  pthread_kill(inside_thread_, CallSignal());
}

}  // namespace flatview::kernel::kvm
