#include "kernel/capability_chain.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <random>

#include "kernel/vfio_uapi.h"

namespace flatview::kernel::vfio {
namespace {

// An answer of exactly so many bytes: the sanitizer sees a read beyond.
class Answer {
 public:
  explicit Answer(size_t size) : bytes_(std::make_unique<std::byte[]>(size)), size_(size) {}

  template <typename T>
  Answer& Put(size_t offset, const T& value) {
    EXPECT_LE(offset + sizeof(T), size_);
    std::memcpy(bytes_.get() + offset, &value, sizeof(T));
    return *this;
  }
  Answer& PutHeader(size_t offset, uint16_t id, uint32_t next) {
    return Put(offset, CapabilityHeader{.id = id, .version = 1, .next = next});
  }

  Bytes bytes() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  size_t size_;
};

TEST(CapabilityChain, FindsEachCapabilityFromItsHeaderOn) {
  Answer answer(64);
  answer.PutHeader(32, 1, 48).PutHeader(48, 2, 0);
  const auto chain = CapabilityChain::Read(answer.bytes(), 32);
  ASSERT_TRUE(chain.has_value());
  EXPECT_EQ(chain->Find(1).data(), answer.bytes().data() + 32);
  EXPECT_EQ(chain->Find(2).size(), 16u);
  EXPECT_TRUE(chain->Find(3).empty());
}

TEST(CapabilityChain, MayBeEmpty) {
  const auto chain = CapabilityChain::Read(Answer(32).bytes(), 0);
  ASSERT_TRUE(chain.has_value());
  EXPECT_TRUE(chain->Find(0).empty());
}

TEST(CapabilityChain, MayGoBackAndLieAnywhere) {
  // Before Linux 6.6 capabilities follow each other without padding.
  Answer answer(61);
  answer.PutHeader(53, 1, 33).PutHeader(33, 2, 0);
  const auto chain = CapabilityChain::Read(answer.bytes(), 53);
  ASSERT_TRUE(chain.has_value());
  EXPECT_EQ(chain->Find(2).size(), 28u);
}

TEST(CapabilityChain, OfTheSameIdGivesTheFirst) {
  Answer answer(64);
  answer.PutHeader(32, 1, 48).PutHeader(48, 1, 0);
  EXPECT_EQ(CapabilityChain::Read(answer.bytes(), 32)->Find(1).size(), 32u);
}

TEST(CapabilityChain, RefusesLoops) {
  Answer itself(64);
  itself.PutHeader(32, 1, 32);
  EXPECT_FALSE(CapabilityChain::Read(itself.bytes(), 32).has_value());
  Answer back(64);
  back.PutHeader(32, 1, 48).PutHeader(48, 2, 32);
  EXPECT_FALSE(CapabilityChain::Read(back.bytes(), 32).has_value());
}

TEST(CapabilityChain, RefusesOffsetsOutOfTheAnswer) {
  for (const uint32_t offset : {57u, 63u, 64u, 65u, 0x7fff'fff8u, UINT32_MAX}) {
    Answer answer(64);
    EXPECT_FALSE(CapabilityChain::Read(answer.bytes(), offset).has_value()) << offset;
    answer.PutHeader(32, 1, offset);
    EXPECT_FALSE(CapabilityChain::Read(answer.bytes(), 32).has_value()) << offset;
  }
  EXPECT_TRUE(CapabilityChain::Read(Answer(64).bytes(), 56).has_value());
  EXPECT_FALSE(CapabilityChain::Read({}, 1).has_value());
}

TEST(CapabilityChain, EndsWhateverTheBytesAre) {
  std::minstd_rand generator(1);
  const auto random = [&generator] { return static_cast<uint32_t>(generator()); };
  size_t read = 0;
  for (int round = 0; round < 20'000; ++round) {
    Answer answer(random() % 96);
    // Mostly small offsets, so that chains get long.
    for (size_t at = 0; at + sizeof(CapabilityHeader) <= answer.bytes().size(); at += 8) {
      answer.PutHeader(at, static_cast<uint16_t>(random() % 4), random() % 112 & ~7u);
    }
    const auto chain = CapabilityChain::Read(answer.bytes(), random() % 96);
    if (!chain) continue;
    ++read;
    for (uint16_t id = 0; id < 4; ++id) {
      const Bytes found = chain->Find(id);
      if (found.empty()) continue;
      EXPECT_EQ(found.data() + found.size(), answer.bytes().data() + answer.bytes().size());
    }
  }
  EXPECT_GT(read, 1000u);
}

TEST(ReadArray, RefusesCountsThatDoNotFit) {
  const Answer answer(40);
  EXPECT_EQ(ReadArray<uint64_t>(answer.bytes(), 8, 4)->size(), 4u);
  EXPECT_TRUE(ReadArray<uint64_t>(answer.bytes(), 40, 0)->empty());
  EXPECT_FALSE(ReadArray<uint64_t>(answer.bytes(), 8, 5).has_value());
  EXPECT_FALSE(ReadArray<uint64_t>(answer.bytes(), 41, 0).has_value());
  EXPECT_FALSE(ReadArray<uint64_t>(answer.bytes(), 8, UINT64_MAX).has_value());
  EXPECT_FALSE(ReadArray<uint64_t>(answer.bytes(), 8, (uint64_t{1} << 61) + 1).has_value());
}

TEST(Ask, SaysWhatTheKernelRefuses) {
  const FileDescriptor nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  const RegionInfo question = {};
  const auto answer =
      Ask(nothing, kDeviceGetRegionInfo, std::as_bytes(std::span(&question, 1)), {{"index", 3}});
  const auto* error = std::get_if<SystemError>(&answer);
  ASSERT_NE(error, nullptr);
  EXPECT_STREQ(error->call, "VFIO_DEVICE_GET_REGION_INFO");
  EXPECT_EQ(error->arguments, "index 0x3");
  EXPECT_EQ(error->number, ENOTTY);
}

}  // namespace
}  // namespace flatview::kernel::vfio
