#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "kernel/guest_gate.h"

namespace flatview::kernel::kvm {

// Calls a guest out again and again, so that the thread that runs it looks at something else too:
// a worker of Node.js can only be terminated when it is in JavaScript.
class Heartbeat {
 public:
  static constexpr std::chrono::milliseconds kInterval{20};

  // REQUIRES: `gate` outlives this.
  explicit Heartbeat(GuestGate& gate) : gate_(gate), thread_([this] { Beat(); }) {}
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  ~Heartbeat() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    end_.notify_one();
    thread_.join();
  }

 private:
  void Beat() {
    std::unique_lock lock(mutex_);
    while (!end_.wait_for(lock, kInterval, [this] { return ended_; })) gate_.Call();
  }

  GuestGate& gate_;
  std::mutex mutex_;
  std::condition_variable end_;
  bool ended_ = false;
  std::thread thread_;  // the last: starts when all else is there
};

}  // namespace flatview::kernel::kvm
