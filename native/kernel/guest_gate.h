#pragma once

#include <pthread.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace flatview::kernel::kvm {

// The door between a thread and the guest that it runs (KVM_RUN): others can have the thread come
// out, and keep it out.
//
// A thread is called out by setting kvm_run's immediate_exit and sending it a signal: a thread that
// is inside is interrupted, and one that is about to go in comes out at once. Either way the kernel
// first completes what the last exit began (api.rst, 4.10 KVM_RUN).
//
// Thread safety: Enter and Leave belong to the thread that runs the guest; all else is anybody's.
class GuestGate {
 public:
  // The signal: a real-time one that neither Node.js nor the C library uses. Whoever handles it
  // already, keeps it: all that it has to do is to interrupt.
  static int CallSignal();

  // `immediate_exit` is the field of kvm_run, which must outlive this.
  explicit GuestGate(uint8_t* immediate_exit) : immediate_exit_(immediate_exit) {}

  GuestGate(const GuestGate&) = delete;
  GuestGate& operator=(const GuestGate&) = delete;

  // Goes in; while there are pauses only once they have ended. False once closed: don't run.
  [[nodiscard]] bool Enter();
  // Comes out. `interrupted`: because of a call, which has been heard by that.
  void Leave(bool interrupted);

  // Has the thread come out, or the next that goes in.
  void Call();

  // Keeps the thread out, until as many Resume() as there were RequestPause().
  void RequestPause();
  // Waits until the thread is out, which takes no longer than a signal does.
  void AwaitOut();
  void Resume();

  // Nobody goes in any more, and who is inside comes out.
  void Close();

 private:
  void SetImmediateExit(bool value);
  void CallLocked();

  uint8_t* const immediate_exit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  pthread_t inside_thread_ = {};
  uint32_t pauses_ = 0;
  bool inside_ = false;
  bool called_ = false;
  bool closed_ = false;
};

}  // namespace flatview::kernel::kvm
