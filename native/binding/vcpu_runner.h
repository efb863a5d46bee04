#pragma once

#include <node_api.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <variant>

#include "kernel/kvm_vcpu.h"
#include "kernel/vcpu_thread.h"

namespace flatview::binding {

// Runs a vCPU on a thread of its own, and has JavaScript answer its exits on the event loop; the
// thread waits for each answer. The event loop lives as long as it runs.
//
// Lifetime: ends when JavaScript answers so, when it is abandoned, or with the environment; in
// whatever order these come. What the event loop may still hold of it is the thread-safe function's
// share, which its finalizer gives back.
// Thread safety: belongs to its environment's thread, but for what the vCPU's thread does.
class VcpuRunner {
 public:
  // `answerer` answers what it can on the thread. `callback` gets 0, or the errno of KVM_RUN
  // (EINTR: stopped), and returns whether to go on.
  //
  // Null with a JavaScript exception pending if the event loop takes no calls.
  static std::variant<std::shared_ptr<VcpuRunner>, kernel::SystemError> Start(
      napi_env env, std::shared_ptr<kernel::kvm::Vcpu> vcpu, kernel::kvm::Vcpu::Answerer answerer,
      napi_value callback);

  // Use Start().
  VcpuRunner(napi_env env, std::shared_ptr<kernel::kvm::Vcpu> vcpu)
      : env_(env), vcpu_(std::move(vcpu)) {}

  bool running() const { return thread_ != nullptr; }

  // Has the guest stop, and JavaScript hear of it.
  void Stop();

  // Has the guest stop at once, whatever it waits for, and nobody hear of it. The vCPU can't run
  // again.
  void Abandon();

 private:
  enum class Answer { kNone, kGoOn, kEnd };

  static void CallJavaScript(napi_env env, napi_value callback, void* runner, void* data);
  // On the vCPU's thread.
  bool OnExit(const kernel::Failure& failure);
  void Reply(Answer answer);
  void Finish(napi_threadsafe_function_release_mode mode);

  const napi_env env_;
  const std::shared_ptr<kernel::kvm::Vcpu> vcpu_;
  napi_threadsafe_function event_loop_ = nullptr;
  std::unique_ptr<kernel::kvm::VcpuThread> thread_;

  std::mutex mutex_;
  std::condition_variable answered_;
  Answer answer_ = Answer::kNone;
  int question_ = 0;  // errno
};

}  // namespace flatview::binding
