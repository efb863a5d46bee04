#include "kernel/bus_error.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include "kernel/exact_access.h"

namespace flatview::kernel {
namespace {

constexpr std::array<uint32_t, 4> kWidths = {1, 2, 4, 8};
const size_t kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

// Two pages of a file that was truncated to one: an access to the second raises SIGBUS.
class Truncated {
 public:
  Truncated() : fd_(memfd_create("truncated", MFD_CLOEXEC)) {
    Resize(2);
    void* const mapped = mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    EXPECT_NE(mapped, MAP_FAILED);
    start_ = static_cast<std::byte*>(mapped);
    std::memset(start_, 0x5a, 2 * kPage);
    Resize(1);
  }
  Truncated(const Truncated&) = delete;
  Truncated& operator=(const Truncated&) = delete;
  ~Truncated() {
    munmap(start_, 2 * kPage);
    close(fd_);
  }

  void Resize(size_t pages) const {
    EXPECT_EQ(ftruncate(fd_, static_cast<off_t>(pages * kPage)), 0);
  }

  std::byte* there() const { return start_; }
  std::byte* gone() const { return start_ + kPage; }

 private:
  const int fd_;
  std::byte* start_ = nullptr;
};

void ExpectNoAnswer(std::byte* gone) {
  for (const uint32_t width : kWidths) {
    EXPECT_EQ(Load(gone, width), std::nullopt);
    EXPECT_FALSE(Store(gone + 8, width, 1));
  }
}

TEST(BusError, AnAccessThatIsNotAnsweredComesToNothing) {
  SurviveBusErrors();
  const Truncated memory;
  ExpectNoAnswer(memory.gone());
  for (const uint32_t width : kWidths) {
    EXPECT_EQ(Load(memory.there(), width), 0x5a5a'5a5a'5a5a'5a5a >> (64 - 8 * width));
    EXPECT_TRUE(Store(memory.there(), width, 0x5a5a'5a5a'5a5a'5a5a));
  }
  memory.Resize(2);
  EXPECT_EQ(Load(memory.gone(), 4), 0u) << "it answers again";
  EXPECT_TRUE(Store(memory.gone(), 4, 7));
}

TEST(BusError, AnAccessOverTheEdgeComesToNothing) {
  SurviveBusErrors();
  const Truncated memory;
  EXPECT_EQ(Load(memory.gone() - 3, 4), std::nullopt);
  EXPECT_FALSE(Store(memory.gone() - 3, 4, 0));
}

TEST(BusError, ACopyEndsWhereItIsNotAnswered) {
  SurviveBusErrors();
  const Truncated memory;
  std::vector<std::byte> bytes(2 * kPage);
  EXPECT_TRUE(Move(bytes.data(), memory.there(), kPage));
  EXPECT_EQ(bytes[kPage - 1], std::byte{0x5a});
  EXPECT_FALSE(Move(bytes.data(), memory.there(), kPage + 1));
  EXPECT_FALSE(Move(bytes.data(), memory.gone(), 3));
  EXPECT_FALSE(Move(memory.there(), bytes.data(), kPage + 8));
  EXPECT_FALSE(Move(memory.gone(), bytes.data(), 1));
  // From the end on, as the two overlap.
  EXPECT_FALSE(Move(memory.there() + 8, memory.there(), kPage));
}

TEST(BusError, LeavesErrnoAlone) {
  SurviveBusErrors();
  const Truncated memory;
  errno = EDOM;
  EXPECT_EQ(Load(memory.gone(), 4), std::nullopt);
  EXPECT_EQ(errno, EDOM);
}

TEST(BusError, IsSurvivedOnManyThreadsAtOnce) {
  const Truncated memory;
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> failed = 0;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&] {
      SurviveBusErrors();
      for (int turn = 0; turn < 1'000; turn++) {
        if (!Load(memory.gone(), 8)) ++failed;
        if (!Load(memory.there(), 8)) --failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 4'000);
}

void TouchUnguarded(const std::byte* memory) {
  [[maybe_unused]] const std::byte read = *static_cast<const volatile std::byte*>(memory);
}

// What a signal of others comes to. Each runs in a process of its own, in which nobody has taken
// the signal at first: a sanitizer takes it, to tell of the error.
class BusErrorOfOthers : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // Says by the process' status that the guard works.
  static void EndUnlessGuarded(const Truncated& memory) {
    if (Load(memory.gone(), 4)) _exit(1);
  }

  const Truncated memory_;
};

TEST_F(BusErrorOfOthers, AnAccessEndsTheProcess) {
  const auto body = [this] {
    signal(SIGBUS, SIG_DFL);
    SurviveBusErrors();
    EndUnlessGuarded(memory_);
    TouchUnguarded(memory_.gone());
  };
  EXPECT_EXIT(body(), ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(BusErrorOfOthers, ASignalSentEndsTheProcess) {
  const auto body = [this] {
    signal(SIGBUS, SIG_DFL);
    SurviveBusErrors();
    EndUnlessGuarded(memory_);
    kill(getpid(), SIGBUS);
    _exit(2);
  };
  EXPECT_EXIT(body(), ::testing::KilledBySignal(SIGBUS), "");
}

TEST_F(BusErrorOfOthers, GoesToWhoHadTheSignalWithAllThatIsKnownOfIt) {
  static const std::byte* gone = nullptr;
  const auto body = [this] {
    gone = memory_.gone();
    struct sigaction action = {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int number, siginfo_t* info, void* context) {
      const bool is_told = number == SIGBUS && info->si_addr == gone && context != nullptr;
      _exit(is_told ? 42 : 1);
    };
    sigaction(SIGBUS, &action, nullptr);
    SurviveBusErrors();
    EndUnlessGuarded(memory_);
    TouchUnguarded(gone);
  };
  EXPECT_EXIT(body(), ::testing::ExitedWithCode(42), "");
}

TEST_F(BusErrorOfOthers, GoesToAHandlerOfTheOldKind) {
  const auto body = [this] {
    signal(SIGBUS, [](int number) { _exit(number == SIGBUS ? 42 : 1); });
    SurviveBusErrors();
    EndUnlessGuarded(memory_);
    TouchUnguarded(memory_.gone());
  };
  EXPECT_EXIT(body(), ::testing::ExitedWithCode(42), "");
}

TEST_F(BusErrorOfOthers, WhoIgnoresItIgnoresWhatIsSentAndNotItsOwnAccess) {
  const auto body = [this] {
    signal(SIGBUS, SIG_IGN);
    SurviveBusErrors();
    EndUnlessGuarded(memory_);
    kill(getpid(), SIGBUS);
    TouchUnguarded(memory_.gone());
  };
  EXPECT_EXIT(body(), ::testing::KilledBySignal(SIGBUS), "");
  const auto sent_only = [this] {
    signal(SIGBUS, SIG_IGN);
    SurviveBusErrors();
    EndUnlessGuarded(memory_);
    kill(getpid(), SIGBUS);
    _exit(42);
  };
  EXPECT_EXIT(sent_only(), ::testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace flatview::kernel
