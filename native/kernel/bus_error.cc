#include "kernel/bus_error.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <type_traits>

#include "kernel/exact_access.h"

namespace flatview::kernel {

#if defined(__x86_64__) || defined(__aarch64__)

namespace {

// Who had the signal before. Written once, before the handler can run.
struct sigaction g_previous;

// Where the interrupted thread goes on.
auto& ProgramCounter(ucontext_t& context) {
#if defined(__x86_64__)
  return context.uc_mcontext.gregs[REG_RIP];
#else
  return context.uc_mcontext.pc;
#endif
}

// Sends the signal again, as it was: it comes when this handler has returned, and meets what the
// kernel does where there is none. An access made again would do too, but not a signal that another
// process sent.
void EndProcess(siginfo_t* info) {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
  syscall(SYS_rt_tgsigqueueinfo, syscall(SYS_getpid), syscall(SYS_gettid), SIGBUS, info);
}

void PassOn(int signal, siginfo_t* info, void* context) {
  if ((g_previous.sa_flags & SA_SIGINFO) != 0) {
    g_previous.sa_sigaction(signal, info, context);
    return;
  }
  const bool is_ignored = g_previous.sa_handler == SIG_IGN;
  // The kernel ends who ignores what its own access raised.
  if (g_previous.sa_handler == SIG_DFL || (is_ignored && info->si_code > 0)) {
    EndProcess(info);
  } else if (!is_ignored) {
    g_previous.sa_handler(signal);
  }
}

void OnBusError(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  auto& counter = ProgramCounter(*static_cast<ucontext_t*>(context));
  const uintptr_t after = AfterFailedAccess(static_cast<uintptr_t>(counter));
  if (after == 0) {
    PassOn(signal, info, context);
  } else {
    counter = static_cast<std::remove_reference_t<decltype(counter)>>(after);
  }
  errno = saved_errno;
}

bool Install() {
  sigaction(SIGBUS, nullptr, &g_previous);
  struct sigaction action = {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | (g_previous.sa_flags & SA_NODEFER);
  action.sa_mask = g_previous.sa_mask;
  return sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace

void SurviveBusErrors() { [[maybe_unused]] static const bool installed = Install(); }

#else

void SurviveBusErrors() {}

#endif

}  // namespace flatview::kernel
