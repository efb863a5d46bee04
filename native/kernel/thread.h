#pragma once

#include <pthread.h>

#include <functional>
#include <memory>
#include <tuple>
#include <utility>
#include <variant>

#include "kernel/system_error.h"

namespace flatview::kernel {

// A thread of this process, waited for in the end. Unlike std::thread's, its start can be refused:
// a process has a limit of threads.
class Thread {
 public:
  [[nodiscard]] static std::variant<Thread, SystemError> Start(std::function<void()> body) {
    auto owned = std::make_unique<std::function<void()>>(std::move(body));
    pthread_t thread = {};
    const int number = pthread_create(&thread, nullptr, Run, owned.get());
    if (number != 0) return SystemError{"pthread_create", "", number};
    std::ignore = owned.release();  // the thread has it
    return Thread(thread);
  }

  Thread(Thread&& other) noexcept
      : thread_(other.thread_), joinable_(std::exchange(other.joinable_, false)) {}
  Thread& operator=(Thread&&) = delete;
  ~Thread() {
    if (joinable_) pthread_join(thread_, nullptr);
  }

 private:
  explicit Thread(pthread_t thread) : thread_(thread) {}

  static void* Run(void* body) {
    const std::unique_ptr<std::function<void()>> owned(static_cast<std::function<void()>*>(body));
    (*owned)();
    return nullptr;
  }

  pthread_t thread_;
  bool joinable_ = true;
};

}  // namespace flatview::kernel
