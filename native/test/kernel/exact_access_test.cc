#include "kernel/exact_access.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <thread>
#include <tuple>

namespace flatview::kernel {
namespace {

constexpr std::array<uint32_t, 4> kWidths = {1, 2, 4, 8};
constexpr uint64_t kPattern = 0x1122'3344'5566'7788;

uint64_t LowBytes(uint64_t value, uint32_t width) {
  return width == 8 ? value : value & ((uint64_t{1} << width * 8) - 1);
}

TEST(ExactAccess, KnowsItsWidths) {
  for (uint32_t width = 0; width <= 16; width++) {
    EXPECT_EQ(IsAccessWidth(width), std::has_single_bit(width) && width <= 8) << width;
  }
}

TEST(ExactAccess, LoadsWhatWasStoredInHostByteOrderAtAnyAlignment) {
  for (const uint32_t width : kWidths) {
    for (size_t offset = 0; offset < 8; offset++) {
      std::array<std::byte, 16> memory = {};
      ASSERT_TRUE(Store(memory.data() + offset, width, kPattern));
      EXPECT_EQ(Load(memory.data() + offset, width), LowBytes(kPattern, width));
      uint64_t copied = LowBytes(kPattern, width);
      if constexpr (std::endian::native == std::endian::big) copied <<= (8 - width) * 8;
      EXPECT_EQ(std::memcmp(memory.data() + offset, &copied, width), 0);
    }
  }
}

TEST(ExactAccess, TouchesNoByteBeside) {
  for (const uint32_t width : kWidths) {
    for (size_t offset = 0; offset < 8; offset++) {
      std::array<std::byte, 16> memory = {};
      memory.fill(std::byte{0xee});
      ASSERT_TRUE(Store(memory.data() + offset, width, 0));
      for (size_t i = 0; i < memory.size(); i++) {
        const bool written = i >= offset && i < offset + width;
        EXPECT_EQ(memory[i], std::byte{static_cast<unsigned char>(written ? 0 : 0xee)});
      }
    }
  }
}

// A load or store made of smaller ones would show a mixture of the two values now and then.
TEST(ExactAccess, NeverTearsAnAlignedAccess) {
  for (const uint32_t width : kWidths) {
    alignas(8) std::array<std::byte, 8> memory = {};
    const uint64_t ones = LowBytes(UINT64_MAX, width);
    std::atomic<bool> done = false;
    std::thread writer([&] {
      for (int i = 0; i < 200'000; i++) {
        std::ignore = Store(memory.data(), width, i % 2 == 0 ? ones : 0);
      }
      done = true;
    });
    bool torn = false;
    while (!done) {
      const uint64_t seen = Load(memory.data(), width).value_or(1);
      torn = torn || (seen != 0 && seen != ones);
    }
    writer.join();
    EXPECT_FALSE(torn) << "width " << width;
  }
}

// As memmove, whichever of the two lies above.
TEST(ExactAccess, MovesBytesThatOverlap) {
  constexpr size_t kSize = 64;
  for (size_t from = 0; from < kSize; from += 3) {
    for (size_t to = 0; to < kSize; to += 5) {
      const size_t length = kSize - std::max(from, to);
      std::array<std::byte, kSize> moved = {};
      for (size_t i = 0; i < kSize; i++) moved[i] = static_cast<std::byte>(i);
      std::array<std::byte, kSize> expected = moved;
      std::memmove(expected.data() + to, expected.data() + from, length);
      ASSERT_TRUE(Move(moved.data() + to, moved.data() + from, length));
      EXPECT_EQ(moved, expected) << length << " bytes from " << from << " to " << to;
    }
  }
  EXPECT_TRUE(Move(nullptr, nullptr, 0));
}

}  // namespace
}  // namespace flatview::kernel
