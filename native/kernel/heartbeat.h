#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <semaphore>
#include <utility>
#include <variant>

#include "kernel/guest_gate.h"
#include "kernel/thread.h"

namespace flatview::kernel::kvm {

// Calls a guest out again and again, so that the thread that runs it looks at something else too:
// a worker of Node.js can only be terminated when it is in JavaScript.
class Heartbeat {
 public:
  static constexpr std::chrono::milliseconds kInterval{20};

  // REQUIRES: `gate` outlives it.
  [[nodiscard]] static std::variant<std::unique_ptr<Heartbeat>, SystemError> Start(
      GuestGate& gate) {
    std::unique_ptr<Heartbeat> made(new Heartbeat(gate));  // its constructor is private
    auto started = Thread::Start([&self = *made] { self.Beat(); });
    if (auto* error = std::get_if<SystemError>(&started)) return std::move(*error);
    made->thread_.emplace(std::move(*std::get_if<Thread>(&started)));
    return made;
  }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;
  ~Heartbeat() { end_.release(); }

 private:
  explicit Heartbeat(GuestGate& gate) : gate_(gate) {}

  void Beat() {
    while (!end_.try_acquire_for(kInterval)) gate_.Call();
  }

  GuestGate& gate_;
  std::binary_semaphore end_{0};
  std::optional<Thread> thread_;  // the last: waited for before all else goes
};

}  // namespace flatview::kernel::kvm
