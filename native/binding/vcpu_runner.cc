#include "binding/vcpu_runner.h"

#include <tuple>
#include <utility>

#include "binding/values.h"

namespace flatview::binding {
namespace {

using Share = std::shared_ptr<VcpuRunner>;

void AbandonWithEnvironment(void* runner) { static_cast<VcpuRunner*>(runner)->Abandon(); }

// Whether `callback` says to go on. Not when it throws: that is for Node.js to tell, and who
// doesn't catch it ends.
bool Ask(napi_env env, napi_value callback, int question) {
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  const napi_value argument = Number(env, question);
  napi_value answer = nullptr;
  bool go_on = false;
  if (napi_call_function(env, undefined, callback, 1, &argument, &answer) != napi_ok) return false;
  return napi_get_value_bool(env, answer, &go_on) == napi_ok && go_on;
}

}  // namespace

std::variant<std::shared_ptr<VcpuRunner>, kernel::SystemError> VcpuRunner::Start(
    napi_env env, std::shared_ptr<kernel::kvm::Vcpu> vcpu, kernel::kvm::Vcpu::Answerer answerer,
    napi_value callback) {
  auto runner = std::make_shared<VcpuRunner>(env, std::move(vcpu));
  auto share = std::make_unique<Share>(runner);
  const auto give_back = [](napi_env, void* data, void*) {
    const std::unique_ptr<Share> returned(static_cast<Share*>(data));
  };
  const napi_status status = napi_create_threadsafe_function(
      env, callback, nullptr, String(env, "flatview:vcpu"), 0, 1, share.get(), give_back,
      runner.get(), CallJavaScript, &runner->event_loop_);
  if (status != napi_ok) {
    napi_throw_error(env, "ERR_INVALID_STATE", "the event loop takes no calls from threads");
    return std::shared_ptr<VcpuRunner>();
  }
  std::ignore = share.release();  // the finalizer has it
  // Hooks run in the opposite order: the thread ends before what it calls.
  napi_add_env_cleanup_hook(env, AbandonWithEnvironment, runner.get());
  const auto on_exit = [&self = *runner](const kernel::Failure& failure) {
    return self.OnExit(failure);
  };
  auto started = kernel::kvm::VcpuThread::Start(*runner->vcpu_, std::move(answerer), on_exit);
  if (auto* error = std::get_if<kernel::SystemError>(&started)) {
    runner->Finish(napi_tsfn_abort);
    return std::move(*error);
  }
  runner->thread_ = std::move(*std::get_if<std::unique_ptr<kernel::kvm::VcpuThread>>(&started));
  return runner;
}

void VcpuRunner::Stop() {
  if (running()) thread_->Stop();
}

void VcpuRunner::Abandon() {
  vcpu_->gate().Close();
  if (!running()) return;
  Reply(Answer::kEnd);
  Finish(napi_tsfn_abort);
}

bool VcpuRunner::OnExit(const kernel::Failure& failure) {
  {
    const std::lock_guard lock(mutex_);
    if (answer_ == Answer::kEnd) return false;
    answer_ = Answer::kNone;
    question_ = failure ? failure->number : 0;
  }
  if (napi_call_threadsafe_function(event_loop_, nullptr, napi_tsfn_nonblocking) != napi_ok) {
    return false;
  }
  std::unique_lock lock(mutex_);
  answered_.wait(lock, [this] { return answer_ != Answer::kNone; });
  return answer_ == Answer::kGoOn;
}

void VcpuRunner::CallJavaScript(napi_env env, napi_value callback, void* data, void* /*unused*/) {
  auto* const runner = static_cast<VcpuRunner*>(data);
  // The environment ends, or the run has: nobody waits.
  if (env == nullptr || !runner->running()) return;
  const bool go_on = Ask(env, callback, runner->question_);
  // The callback itself may have abandoned it.
  if (!runner->running()) return;
  runner->Reply(go_on ? Answer::kGoOn : Answer::kEnd);
  if (!go_on) runner->Finish(napi_tsfn_release);
}

void VcpuRunner::Reply(Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    answer_ = answer;
  }
  answered_.notify_one();
}

void VcpuRunner::Finish(napi_threadsafe_function_release_mode mode) {
  thread_.reset();  // joins
  napi_remove_env_cleanup_hook(env_, AbandonWithEnvironment, this);
  napi_release_threadsafe_function(event_loop_, mode);
}

}  // namespace flatview::binding
