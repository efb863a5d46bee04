// The door to a guest, without KVM: a guest is a thread that sleeps in a system call, as KVM_RUN
// does, until it is interrupted or finds immediate_exit set.

#include "kernel/guest_gate.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace flatview::kernel::kvm {
namespace {

// Runs a guest again and again until the gate is closed.
class FakeVcpu {
 public:
  FakeVcpu() : thread_([this] { Loop(); }) {}
  ~FakeVcpu() {
    gate.Close();
    thread_.join();
  }

  uint8_t immediate_exit = 0;
  GuestGate gate{&immediate_exit};
  std::atomic<bool> inside = false;
  std::atomic<uint64_t> interruptions = 0;

 private:
  void Loop() {
    while (gate.Enter()) {
      inside = true;
      const bool interrupted = Run();
      inside = false;
      if (interrupted) ++interruptions;
      gate.Leave(interrupted);
    }
  }

  // True when called out. The kernel looks at immediate_exit with signals blocked; here a signal
  // that comes between the look and the sleep is made up for by waking up now and then.
  bool Run() {
    for (;;) {
      if (std::atomic_ref(immediate_exit).load() != 0) return true;
      poll(nullptr, 0, 1);
    }
  }

  std::thread thread_;
};

void AwaitInside(const FakeVcpu& vcpu) {
  while (!vcpu.inside) std::this_thread::yield();
}

TEST(GuestGate, CallsTheThreadOutOnce) {
  FakeVcpu vcpu;
  AwaitInside(vcpu);
  vcpu.gate.Call();
  while (vcpu.interruptions == 0) std::this_thread::yield();
  AwaitInside(vcpu);
  EXPECT_EQ(vcpu.interruptions, 1u);
}

TEST(GuestGate, HearsACallFromBeforeItWentIn) {
  uint8_t immediate_exit = 0;
  GuestGate gate(&immediate_exit);
  gate.Call();
  ASSERT_TRUE(gate.Enter());
  EXPECT_EQ(immediate_exit, 1);
  gate.Leave(false);  // an exit came first: the call still counts
  ASSERT_TRUE(gate.Enter());
  EXPECT_EQ(immediate_exit, 1);
  gate.Leave(true);
  ASSERT_TRUE(gate.Enter());
  EXPECT_EQ(immediate_exit, 0);
  gate.Leave(false);
}

TEST(GuestGate, KeepsTheThreadOutWhileThereArePauses) {
  FakeVcpu vcpu;
  for (int round = 0; round < 200; ++round) {
    AwaitInside(vcpu);
    vcpu.gate.RequestPause();
    vcpu.gate.RequestPause();
    vcpu.gate.AwaitOut();
    EXPECT_FALSE(vcpu.inside);
    vcpu.gate.Resume();
    std::this_thread::yield();
    EXPECT_FALSE(vcpu.inside);
    vcpu.gate.Resume();
  }
}

TEST(GuestGate, TakesPausesFromManyThreads) {
  FakeVcpu vcpu;
  std::atomic<int> seen_inside = 0;
  std::vector<std::thread> others;
  others.reserve(3);
  for (int other = 0; other < 3; ++other) {
    others.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        vcpu.gate.RequestPause();
        vcpu.gate.AwaitOut();
        if (vcpu.inside) ++seen_inside;
        vcpu.gate.Resume();
        vcpu.gate.Call();
      }
    });
  }
  for (std::thread& other : others) other.join();
  EXPECT_EQ(seen_inside, 0);
  AwaitInside(vcpu);
}

TEST(GuestGate, LetsNobodyInOnceItIsClosed) {
  uint8_t immediate_exit = 0;
  GuestGate gate(&immediate_exit);
  gate.RequestPause();
  gate.Close();
  EXPECT_FALSE(gate.Enter());
}

}  // namespace
}  // namespace flatview::kernel::kvm
