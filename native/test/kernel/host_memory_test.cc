#include "kernel/host_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <utility>

namespace flatview::kernel {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kMiB = uint64_t{1} << 20;
const uint64_t kPage = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));

HostMemory::Options Anonymous(uint64_t size) {
  return {.size = size,
          .shared = false,
          .huge_page_size = 0,
          .transparent_huge_pages = false,
          .name = "test"};
}

HostMemory::Options Shared(uint64_t size) {
  HostMemory::Options options = Anonymous(size);
  options.shared = true;
  return options;
}

HostMemory Allocated(const HostMemory::Options& options) {
  auto memory = HostMemory::Allocate(options);
  auto* error = std::get_if<SystemError>(&memory);
  EXPECT_EQ(error, nullptr) << error->call << " " << error->arguments << " errno " << error->number;
  return std::move(*std::get_if<HostMemory>(&memory));
}

uint64_t ResidentBytes() {
  uint64_t total = 0;
  uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * kPage;
}

bool AllZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte it) { return it == std::byte{0}; });
}

TEST(HostMemory, SixtyFourGiBCostNothingUntilTouched) {
  for (const auto& options : {Anonymous(64 * kGiB), Shared(64 * kGiB)}) {
    const uint64_t before = ResidentBytes();
    const HostMemory memory = Allocated(options);
    ASSERT_EQ(memory.bytes().size(), 64 * kGiB);
    EXPECT_LT(ResidentBytes(), before + 8 * kMiB);
    memory.bytes().front() = std::byte{1};
    memory.bytes().back() = std::byte{2};
    EXPECT_EQ(memory.bytes().back(), std::byte{2});
    EXPECT_LT(ResidentBytes(), before + 8 * kMiB);
  }
}

TEST(HostMemory, HasTheSizeAskedForAndWholePagesBehindIt) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, kPage - 1, kPage, kPage + 1, 3 * kMiB}) {
    const HostMemory memory = Allocated(Anonymous(size));
    EXPECT_EQ(memory.bytes().size(), size);
    EXPECT_NE(memory.bytes().data(), nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.bytes().data()) % kPage, 0u);
    EXPECT_TRUE(AllZero(memory.bytes()));
  }
}

TEST(HostMemory, LargeMemoryStartsWhereHugePagesCan) {
  for (const uint64_t size : {2 * kMiB, 5 * kMiB + 1, kGiB}) {
    const HostMemory memory = Allocated(Anonymous(size));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.bytes().data()) % (2 * kMiB), 0u);
  }
}

TEST(HostMemory, TransparentHugePagesAreAdvice) {
  HostMemory::Options options = Anonymous(8 * kMiB);
  options.transparent_huge_pages = true;
  const HostMemory memory = Allocated(options);
  memory.bytes()[4 * kMiB] = std::byte{1};
  EXPECT_EQ(memory.bytes()[4 * kMiB], std::byte{1});
}

TEST(HostMemory, SharedMemoryIsSeenThroughItsFile) {
  const HostMemory memory = Allocated(Shared(2 * kPage));
  ASSERT_NE(memory.fd(), FileDescriptor::kNone);
  memory.bytes()[kPage] = std::byte{42};
  char read_back = 0;
  ASSERT_EQ(pread(memory.fd(), &read_back, 1, static_cast<off_t>(kPage)), 1);
  EXPECT_EQ(read_back, 42);
  EXPECT_EQ(Allocated(Anonymous(kPage)).fd(), FileDescriptor::kNone);
}

TEST(HostMemory, NobodyCanResizeTheFileOfSharedMemory) {
  const HostMemory memory = Allocated(Shared(2 * kPage));
  EXPECT_EQ(ftruncate(memory.fd(), 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(ftruncate(memory.fd(), static_cast<off_t>(8 * kPage)), -1);
  EXPECT_EQ(fcntl(memory.fd(), F_ADD_SEALS, F_SEAL_WRITE), -1);
}

TEST(HostMemory, AChildProcessGetsNoCopy) {
  const HostMemory memory = Allocated(Anonymous(kPage));
  memory.bytes()[0] = std::byte{1};
  const pid_t child = fork();
  if (child == 0) {
    const bool mapped = msync(memory.bytes().data(), kPage, MS_ASYNC) == 0;
    _exit(mapped ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(HostMemory, DiscardGivesPagesBackAndTheyReadAsZeros) {
  for (const auto& options : {Anonymous(16 * kMiB), Shared(16 * kMiB)}) {
    const HostMemory memory = Allocated(options);
    std::ranges::fill(memory.bytes(), std::byte{0xff});
    const uint64_t before = ResidentBytes();
    ASSERT_FALSE(memory.Discard(kPage, 8 * kMiB).has_value());
    EXPECT_LT(ResidentBytes(), before - 7 * kMiB);
    EXPECT_TRUE(AllZero(memory.bytes().subspan(kPage, 8 * kMiB)));
    EXPECT_EQ(memory.bytes()[kPage - 1], std::byte{0xff});
    EXPECT_EQ(memory.bytes()[kPage + 8 * kMiB], std::byte{0xff});
    ASSERT_FALSE(memory.Discard(0, 0).has_value());
    EXPECT_EQ(memory.bytes()[0], std::byte{0xff});
  }
}

TEST(HostMemory, ReportsWhatTheKernelRefuses) {
  const auto too_large = HostMemory::Allocate(Anonymous(HostMemory::kMaxSize));
  const auto* error = std::get_if<SystemError>(&too_large);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->number, ENOMEM);
}

TEST(HostMemory, RefusesAPageSizeThatTheProcessorLacks) {
  HostMemory::Options options = Anonymous(kMiB);
  options.huge_page_size = 128 * kMiB;
  const auto anonymous = HostMemory::Allocate(options);
  ASSERT_TRUE(std::holds_alternative<SystemError>(anonymous));
  EXPECT_STREQ(std::get_if<SystemError>(&anonymous)->call, "mmap");
  options.shared = true;
  const auto shared = HostMemory::Allocate(options);
  ASSERT_TRUE(std::holds_alternative<SystemError>(shared));
  EXPECT_STREQ(std::get_if<SystemError>(&shared)->call, "memfd_create");
}

// With a reserved pool the pages are ours, without one the kernel says so at once.
TEST(HostMemory, HugePagesAreReservedAtOnceOrRefused) {
  for (const bool shared : {false, true}) {
    HostMemory::Options options = Anonymous(uint64_t{1} << 46);
    options.shared = shared;
    options.huge_page_size = 2 * kMiB;
    const auto refused = HostMemory::Allocate(options);
    ASSERT_TRUE(std::holds_alternative<SystemError>(refused));
    EXPECT_EQ(std::get_if<SystemError>(&refused)->number, ENOMEM);

    options.size = kMiB;
    auto memory = HostMemory::Allocate(options);
    if (auto* granted = std::get_if<HostMemory>(&memory)) {
      EXPECT_EQ(granted->page_size(), 2 * kMiB);
      std::ranges::fill(granted->bytes(), std::byte{1});
      EXPECT_FALSE(granted->Discard(0, 2 * kMiB).has_value());
      EXPECT_TRUE(AllZero(granted->bytes()));
    } else {
      EXPECT_EQ(std::get_if<SystemError>(&memory)->number, ENOMEM);
    }
  }
}

TEST(HostMemory, AtLendsWhatSomebodyElseMapped) {
  const HostMemory lender = Allocated(Anonymous(4 * kPage));
  const auto address = reinterpret_cast<uint64_t>(lender.bytes().data()) + 100;
  {
    auto lent = HostMemory::At(address, 2 * kPage);
    auto* memory = std::get_if<HostMemory>(&lent);
    ASSERT_NE(memory, nullptr);
    EXPECT_FALSE(memory->owned());
    memory->bytes()[0] = std::byte{9};
    memory->Close();
    EXPECT_TRUE(memory->bytes().empty());
  }
  EXPECT_EQ(lender.bytes()[100], std::byte{9});
}

TEST(HostMemory, AtRefusesAddressesWithNothingBehind) {
  HostMemory gone = Allocated(Anonymous(2 * kPage));
  const auto address = reinterpret_cast<uint64_t>(gone.bytes().data());
  gone.Close();
  const auto unmapped = HostMemory::At(address, kPage);
  ASSERT_TRUE(std::holds_alternative<SystemError>(unmapped));
  EXPECT_EQ(std::get_if<SystemError>(&unmapped)->number, ENOMEM);
  EXPECT_TRUE(std::holds_alternative<SystemError>(HostMemory::At(0, kPage)));
  EXPECT_TRUE(std::holds_alternative<SystemError>(HostMemory::At(UINT64_MAX - kPage + 1, kPage)));
}

TEST(HostMemory, VacateTakesTheMemoryButKeepsItsAddresses) {
  for (const auto& options : {Anonymous(8 * kMiB), Shared(8 * kMiB)}) {
    HostMemory memory = Allocated(options);
    const std::span<std::byte> bytes = memory.bytes();
    const int fd = memory.fd();
    std::ranges::fill(bytes, std::byte{0xff});
    const uint64_t before = ResidentBytes();
    memory.Vacate();
    EXPECT_TRUE(memory.bytes().empty());
    EXPECT_EQ(fcntl(fd, F_GETFD), -1);
    EXPECT_LT(ResidentBytes(), before - 7 * kMiB);
    EXPECT_TRUE(AllZero(bytes.first(kPage)));
    bytes.back() = std::byte{1};
    memory.Close();
    EXPECT_EQ(msync(bytes.data(), kPage, MS_ASYNC), -1);
  }
}

TEST(HostMemory, VacateLeavesLentMemoryAlone) {
  const HostMemory lender = Allocated(Anonymous(kPage));
  lender.bytes()[0] = std::byte{1};
  auto lent = HostMemory::At(reinterpret_cast<uint64_t>(lender.bytes().data()), kPage);
  ASSERT_TRUE(std::holds_alternative<HostMemory>(lent));
  std::get_if<HostMemory>(&lent)->Vacate();
  EXPECT_EQ(lender.bytes()[0], std::byte{1});
}

TEST(HostMemory, CloseUnmapsAndClosesTheFile) {
  HostMemory memory = Allocated(Shared(kPage));
  const int fd = memory.fd();
  std::byte* const data = memory.bytes().data();
  memory.Close();
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
  EXPECT_EQ(msync(data, kPage, MS_ASYNC), -1);
  EXPECT_FALSE(memory.owned());
  memory.Close();
}

// A memfd stands for a device's file.
TEST(HostMemory, ShowsAPartOfADevicesFile) {
  const HostMemory file = Allocated(Shared(4 * kPage));
  file.bytes()[2 * kPage + 5] = std::byte{42};
  const HostMemory::DeviceArea area = {.fd = file.fd(),
                                       .offset = 2 * kPage,
                                       .size = 2 * kPage,
                                       .alignment = 2 * kMiB,
                                       .phase = 2 * kPage,
                                       .is_readable = true,
                                       .is_writable = true};
  auto mapped = HostMemory::OfDevice(area);
  auto* device = std::get_if<HostMemory>(&mapped);
  ASSERT_NE(device, nullptr);
  EXPECT_TRUE(device->is_device() && device->owned());
  EXPECT_FALSE(file.is_device());
  EXPECT_EQ(device->bytes().size(), 2 * kPage);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(device->bytes().data()) % (2 * kMiB), 2 * kPage);
  EXPECT_EQ(device->bytes()[5], std::byte{42});
  device->bytes()[6] = std::byte{43};
  EXPECT_EQ(file.bytes()[2 * kPage + 6], std::byte{43});
  EXPECT_EQ(device->fd(), FileDescriptor::kNone);

  // What is taken away while somebody looks at it becomes zeros, and the device hears nothing.
  std::byte* const address = device->bytes().data();
  device->Vacate();
  EXPECT_EQ(address[5], std::byte{0});
  address[7] = std::byte{1};
  EXPECT_EQ(file.bytes()[2 * kPage + 7], std::byte{0});
}

TEST(HostMemory, OfADeviceIsRefusedAsTheKernelSays) {
  const FileDescriptor nothing(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const HostMemory::DeviceArea area = {.fd = nothing.get(),
                                       .offset = 0,
                                       .size = kPage,
                                       .alignment = kPage,
                                       .phase = 0,
                                       .is_readable = true,
                                       .is_writable = true};
  const auto mapped = HostMemory::OfDevice(area);
  const auto* error = std::get_if<SystemError>(&mapped);
  ASSERT_NE(error, nullptr);
  EXPECT_STREQ(error->call, "mmap");
  EXPECT_EQ(error->number, EACCES);
}

}  // namespace
}  // namespace flatview::kernel
