#include "kernel/mapping.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>
#include <variant>

namespace flatview::kernel {
namespace {

const size_t kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

Mapping Reserved(size_t length, size_t alignment) {
  auto mapping = Mapping::Reserve(length, alignment);
  EXPECT_TRUE(std::holds_alternative<Mapping>(mapping));
  return std::move(*std::get_if<Mapping>(&mapping));
}

bool IsMapped(const std::byte* address) {
  void* const page = const_cast<std::byte*>(address);
  return msync(page, kPage, MS_ASYNC) == 0;
}

TEST(Mapping, ReservesAtTheAlignmentAskedFor) {
  for (size_t alignment = kPage; alignment <= size_t{1} << 30; alignment *= 2) {
    const Mapping mapping = Reserved(3 * kPage, alignment);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(mapping.data()) % alignment, 0u);
    EXPECT_EQ(mapping.length(), 3 * kPage);
    EXPECT_TRUE(IsMapped(mapping.data() + 2 * kPage));
  }
}

TEST(Mapping, ReservesAtThePhaseAskedFor) {
  constexpr size_t kAlignment = size_t{1} << 21;
  for (const size_t phase : {size_t{0}, kPage, 17 * kPage, kAlignment - kPage}) {
    auto reserved = Mapping::Reserve(kPage, kAlignment, phase);
    const auto* mapping = std::get_if<Mapping>(&reserved);
    ASSERT_NE(mapping, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(mapping->data()) % kAlignment, phase);
    EXPECT_TRUE(IsMapped(mapping->data()));
  }
}

TEST(Mapping, PlacesReadableAndWritableMemory) {
  Mapping mapping = Reserved(2 * kPage, kPage);
  ASSERT_FALSE(mapping.Place(MAP_PRIVATE | MAP_ANONYMOUS, -1).has_value());
  mapping.data()[2 * kPage - 1] = std::byte{7};
  EXPECT_EQ(mapping.data()[2 * kPage - 1], std::byte{7});
  EXPECT_EQ(mapping.data()[0], std::byte{0});
}

TEST(Mapping, UnmapsOnceWhenItsLastOwnerGoes) {
  const std::byte* data = nullptr;
  {
    Mapping outer;
    {
      Mapping inner = Reserved(kPage, kPage);
      data = inner.data();
      outer = std::move(inner);
    }
    EXPECT_TRUE(IsMapped(data));
    const Mapping last(std::move(outer));
    EXPECT_TRUE(IsMapped(data));
  }
  EXPECT_FALSE(IsMapped(data));
}

TEST(Mapping, ReportsWhatTheKernelRefuses) {
  const auto too_long = Mapping::Reserve(size_t{1} << 62, kPage);
  const auto* error = std::get_if<SystemError>(&too_long);
  ASSERT_NE(error, nullptr);
  EXPECT_STREQ(error->call, "mmap");
  EXPECT_EQ(error->number, ENOMEM);
  EXPECT_NE(error->arguments.find("length 0x4000000000001000"), std::string::npos)
      << error->arguments;

  Mapping mapping = Reserved(kPage, kPage);
  const auto bad_file = mapping.Place(MAP_SHARED, 1 << 20);
  ASSERT_TRUE(bad_file.has_value());
  EXPECT_EQ(bad_file->number, EBADF);
}

}  // namespace
}  // namespace flatview::kernel
