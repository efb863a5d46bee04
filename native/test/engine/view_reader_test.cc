// Readers on their own threads, while the engine's thread publishes. The model: publication g is a
// view in which every range has the offset g, and the generation is g. So a reader that were shown
// parts of two publications would find two offsets; one that were shown a view that had been freed
// would read what took its place, and AddressSanitizer and ThreadSanitizer would say so; one that
// were shown an old view after a newer one would find a smaller number. `npm run test:threads` runs
// these under ThreadSanitizer, where a step that no atomic orders is an error by itself.

#include "engine/view_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/flat_tree.h"
#include "engine/view_channel.h"
#include "test/engine/batch_writer.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

using End = ViewChannel::End;

constexpr uint64_t kPage = 4096;
// So many ranges make a tree of several levels.
constexpr uint64_t kRanges = 200;
constexpr int kReaders = 3;
constexpr uint64_t kPublications = 3000;

// Publication `generation`: ranges of one page, and a gap after each.
PublishedView Publication(uint64_t generation, uint64_t count = kRanges) {
  std::vector<FlatRange> ranges;
  ranges.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t first = i * 2 * kPage;
    ranges.push_back({first, first + kPage - 1, generation, static_cast<RegionId>(i), 0});
  }
  FlatTree tree = FlatTreeSplicer().Build(ranges);
  return {std::make_shared<const FlatView>(0, generation, std::move(tree)), generation, nullptr};
}

std::shared_ptr<ViewChannel> MakeChannel() { return std::make_shared<ViewChannel>(Publication(1)); }

// The publication that a reader sees, if all of it is of one; 0 if not.
uint64_t SeenWhole(ViewReader& reader) {
  const PublishedView* const seen = reader.Enter();
  for (const FlatRange range : *seen->view) {
    if (range.offset != seen->generation) return 0;
  }
  return seen->generation;
}

TEST(ViewReader, SeesTheNewestView) {
  const auto channel = MakeChannel();
  ViewReader reader(channel);
  EXPECT_EQ(reader.Lookup(kPage - 1)->offset, 1u);
  EXPECT_FALSE(reader.Lookup(kPage));
  channel->Publish(Publication(2));
  EXPECT_EQ(reader.Lookup(kPage - 1)->offset, 2u);
  EXPECT_EQ(reader.Enter()->generation, 2u);
}

TEST(ViewReader, HoldsOneViewUntilItLooksAgain) {
  const auto channel = MakeChannel();
  ViewReader reader(channel);
  const PublishedView* const held = reader.Enter();
  channel->Publish(Publication(2));
  channel->Publish(Publication(3));
  EXPECT_EQ(held->view->Lookup(0)->offset, 1u);
  EXPECT_EQ(channel->retired_count(), 1u);
  EXPECT_EQ(SeenWhole(reader), 3u);
  channel->Publish(Publication(4));
  EXPECT_EQ(channel->retired_count(), 1u);
}

TEST(ViewReader, HoldsNothingBeforeItLooksAndAfterItLeaves) {
  const auto channel = MakeChannel();
  ViewReader reader(channel);
  channel->Publish(Publication(2));
  EXPECT_EQ(channel->retired_count(), 0u);
  EXPECT_TRUE(reader.Lookup(0));
  reader.Leave();
  channel->Publish(Publication(3));
  EXPECT_EQ(channel->retired_count(), 0u);
  EXPECT_EQ(reader.Lookup(0)->offset, 3u);
}

TEST(ViewReader, TakesTheSlotOfOneThatIsGone) {
  const auto channel = MakeChannel();
  for (uint64_t generation = 2; generation < 100; ++generation) {
    ViewReader reader(channel);
    EXPECT_EQ(SeenWhole(reader), generation - 1);
    channel->Publish(Publication(generation));
    EXPECT_EQ(channel->retired_count(), 1u);
  }
}

TEST(ViewReader, DoesNotPublishAViewTwice) {
  const auto channel = MakeChannel();
  const PublishedView view = Publication(2);
  channel->Publish(view);
  ViewReader reader(channel);
  const PublishedView* const held = reader.Enter();
  channel->Publish({view.view, 3, nullptr});
  EXPECT_EQ(reader.Enter(), held);
}

TEST(ViewReader, FindsNothingInAClosedChannel) {
  const auto channel = MakeChannel();
  ViewReader reader(channel);
  EXPECT_TRUE(reader.Lookup(0));
  EXPECT_EQ(reader.end(), End::kNone);
  channel->Close(End::kAddressSpaceRemoved);
  EXPECT_FALSE(reader.Lookup(0));
  EXPECT_EQ(reader.Enter(), nullptr);
  EXPECT_EQ(reader.end(), End::kAddressSpaceRemoved);
  EXPECT_EQ(ViewReader(channel).Enter(), nullptr);
}

}  // namespace

// One reader and the engine, who take the steps of view_channel.h in an order that a test chooses.
class ViewChannelSteps {
 public:
  static constexpr int kReaderSteps = 3;
  static constexpr int kEngineSteps = 2;

  ViewChannelSteps() : slot_(channel_->TakeSlot()) {}

  void StepOfReader() {
    if (reader_steps_ == 0) ViewChannel::BeginToHold(slot_);
    if (reader_steps_ == 1) found_ = channel_->current();
    if (reader_steps_ == 2) held_ = ViewChannel::Hold(slot_, found_);
    reader_steps_ = (reader_steps_ + 1) % kReaderSteps;
    if (reader_steps_ == 1) newest_at_start_ = published_;
  }

  void StepOfEngine() {
    if (engine_steps_ == 0) {
      channel_->Replace(std::make_unique<const PublishedView>(Publication(++published_, 1)));
    } else {
      channel_->FreeRetired();
    }
    engine_steps_ = (engine_steps_ + 1) % kEngineSteps;
  }

  // What the reader holds is alive and whole, and was the newest when it began to look, or newer.
  void Check() const {
    if (held_ == nullptr || reader_steps_ != 0) return;
    EXPECT_EQ(held_->view->Lookup(0)->offset, held_->generation);
    EXPECT_GE(held_->generation, newest_at_start_);
    EXPECT_LE(channel_->retired_count(), engine_steps_ == 0 ? 1u : 2u);
  }

 private:
  const std::shared_ptr<ViewChannel> channel_ = MakeChannel();
  ViewChannel::Slot& slot_;
  const PublishedView* found_ = nullptr;
  const PublishedView* held_ = nullptr;
  uint64_t published_ = 1;
  uint64_t newest_at_start_ = 0;
  int reader_steps_ = 0;
  int engine_steps_ = 0;
};

namespace {

TEST(ViewReader, IsRightInEveryOrderOfSteps) {
  // Each bit of `order` says whose step it is.
  constexpr int kSteps = 3 * ViewChannelSteps::kReaderSteps + 3 * ViewChannelSteps::kEngineSteps;
  for (uint32_t order = 0; order < 1u << kSteps; ++order) {
    ViewChannelSteps steps;
    for (int step = 0; step < kSteps; ++step) {
      (order >> step & 1) != 0 ? steps.StepOfReader() : steps.StepOfEngine();
      steps.Check();
    }
  }
}

TEST(ViewReader, SeesWholePublicationsInTheirOrder) {
  const auto channel = MakeChannel();
  const auto read = [&channel] {
    ViewReader reader(channel);
    uint64_t newest = 0;
    while (newest < kPublications) {
      const uint64_t seen = SeenWhole(reader);
      EXPECT_GE(seen, newest);
      if (seen < newest) break;
      newest = seen;
      // Every other time without holding on.
      if (seen % 2 == 0) reader.Leave();
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) readers.emplace_back(read);
  for (uint64_t generation = 2; generation <= kPublications; ++generation) {
    channel->Publish(Publication(generation));
    ASSERT_LE(channel->retired_count(), static_cast<size_t>(kReaders));
  }
  for (std::thread& reader : readers) reader.join();
}

TEST(ViewReader, ComesAndGoesAtAnyTime) {
  const auto channel = MakeChannel();
  std::atomic<bool> done = false;
  const auto read = [&channel, &done] {
    while (!done) {
      ViewReader reader(channel);
      EXPECT_NE(SeenWhole(reader), 0u);
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) readers.emplace_back(read);
  for (uint64_t generation = 2; generation <= kPublications; ++generation) {
    channel->Publish(Publication(generation));
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  channel->Publish(Publication(kPublications + 1));
  EXPECT_EQ(channel->retired_count(), 0u);
}

TEST(ViewReader, OutlivesWhoPublishes) {
  auto channel = MakeChannel();
  std::atomic<int> looked = 0;
  const auto read = [&looked](const std::shared_ptr<ViewChannel>& shared) {
    ViewReader reader(shared);
    while (reader.Enter() != nullptr) {
      EXPECT_NE(SeenWhole(reader), 0u);
      ++looked;
    }
    EXPECT_EQ(reader.end(), End::kEngineDestroyed);
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) readers.emplace_back(read, channel);
  while (looked < kReaders) std::this_thread::yield();
  channel->Close(End::kEngineDestroyed);
  channel.reset();
  for (std::thread& reader : readers) reader.join();
}

// The regions of the machine below.
constexpr RegionId kSystem = 0;
constexpr RegionId kTarget = 1;
constexpr RegionId kAliases = 2;
constexpr RegionId kSecondSystem = 100;
constexpr uint64_t kAliasCount = 40;
constexpr uint64_t kTargetPages = 64;

// Aliases of one page each, which all show the same page of a region.
BatchWriter& ShowPage(BatchWriter& batch, RegionId system, uint64_t page) {
  for (uint64_t i = 0; i < kAliasCount; ++i) {
    const RegionId id = kAliases + static_cast<RegionId>(i);
    batch.Put(id, In(system, i * 2 * kPage, Alias(kTarget, page * kPage, kPage), 0, i));
  }
  return batch;
}

class SharedEngine {
 public:
  SharedEngine() : engine_(std::make_unique<Engine>()) {
    BatchWriter batch;
    batch.Put(kSystem, Container(1 << 30));
    batch.Put(kSecondSystem, In(kNoRegion, 0, Container(1 << 30)));
    batch.Put(kTarget, Leaf(kTargetPages * kPage));
    batch.PutSpace(0, kSystem, 0);
    Commit(ShowPage(batch, kSystem, 0));
  }

  void Commit(const BatchWriter& batch) {
    EXPECT_TRUE(engine_->Commit(batch.bytes()).ok());
    engine_->Publish();
  }
  void Show(uint64_t page) {
    BatchWriter batch;
    Commit(ShowPage(batch, kSystem, page % kTargetPages));
  }
  Engine& engine() { return *engine_; }
  void Destroy() { engine_.reset(); }

 private:
  std::unique_ptr<Engine> engine_;
};

// The offset that all aliases show; nothing where they differ.
std::optional<uint64_t> SeenPage(const PublishedView& seen) {
  const uint64_t offset = (*seen.view->begin()).offset;
  for (const FlatRange range : *seen.view) {
    if (range.offset != offset) return std::nullopt;
  }
  return offset / kPage;
}

TEST(EngineChannel, ShowsPublishedCommitsOnly) {
  SharedEngine shared;
  ViewReader reader(shared.engine().Channel(0));
  EXPECT_EQ(reader.Enter()->generation, 1u);
  BatchWriter batch;
  ASSERT_TRUE(shared.engine().Commit(ShowPage(batch, kSystem, 5).bytes()).ok());
  EXPECT_EQ(SeenPage(*reader.Enter()), 0u);
  shared.engine().Rollback();
  EXPECT_EQ(SeenPage(*reader.Enter()), 0u);
  shared.Show(6);
  EXPECT_EQ(SeenPage(*reader.Enter()), 6u);
  EXPECT_EQ(reader.Enter()->generation, 2u);
  EXPECT_EQ(reader.Enter()->view, shared.engine().View(0));
}

TEST(EngineChannel, IsOneForEachAddressSpace) {
  SharedEngine shared;
  EXPECT_EQ(shared.engine().Channel(0), shared.engine().Channel(0));
  EXPECT_EQ(shared.engine().Channel(7), nullptr);
}

TEST(EngineChannel, FollowsAnAddressSpaceToAnotherRoot) {
  SharedEngine shared;
  ViewReader reader(shared.engine().Channel(0));
  BatchWriter batch;
  shared.Commit(batch.PutSpace(0, kSecondSystem, 0));
  EXPECT_EQ(reader.Enter()->view->size(), 0u);
  BatchWriter filled;
  shared.Commit(ShowPage(filled, kSecondSystem, 3));
  EXPECT_EQ(SeenPage(*reader.Enter()), 3u);
}

TEST(EngineChannel, ClosesWithTheAddressSpace) {
  SharedEngine shared;
  ViewReader reader(shared.engine().Channel(0));
  BatchWriter batch;
  batch.RemoveSpace(0);
  ASSERT_TRUE(shared.engine().Commit(batch.bytes()).ok());
  EXPECT_NE(reader.Enter(), nullptr);
  shared.engine().Publish();
  EXPECT_EQ(reader.Enter(), nullptr);
  EXPECT_EQ(reader.end(), End::kAddressSpaceRemoved);
  BatchWriter again;
  shared.Commit(again.PutSpace(0, kSystem, 0));
  EXPECT_EQ(reader.Enter(), nullptr);
  EXPECT_NE(ViewReader(shared.engine().Channel(0)).Enter(), nullptr);
}

TEST(EngineChannel, ClosesWithTheEngine) {
  SharedEngine shared;
  ViewReader reader(shared.engine().Channel(0));
  EXPECT_TRUE(reader.Lookup(0));
  shared.Destroy();
  EXPECT_FALSE(reader.Lookup(0));
  EXPECT_EQ(reader.end(), End::kEngineDestroyed);
}

TEST(EngineChannel, SaysWhatRegionsAreCalled) {
  SharedEngine shared;
  const auto names = std::make_shared<RegionNames>();
  for (const RegionId id : {0u, 1u, 63u, 64u, 127u, 128u, 1u << 20}) {
    names->Add(id, {.kind = "ram", .name = std::to_string(id)});
  }
  shared.engine().UseNames(names);
  ViewReader reader(shared.engine().Channel(0));
  const RegionId shown = reader.Lookup(0)->region;
  EXPECT_EQ(reader.Enter()->names->Find(shown).name, std::to_string(kTarget));
  for (const RegionId id : {0u, 1u, 63u, 64u, 127u, 128u, 1u << 20}) {
    EXPECT_EQ(names->Find(id).name, std::to_string(id));
  }
}

TEST(EngineChannel, IsReadWhileTheEngineCommits) {
  SharedEngine shared;
  std::atomic<bool> done = false;
  const auto read = [&done](const std::shared_ptr<ViewChannel>& channel) {
    ViewReader reader(channel);
    uint64_t newest = 0;
    while (!done) {
      const PublishedView* const seen = reader.Enter();
      // Commit g shows page g - 1.
      EXPECT_EQ(SeenPage(*seen), (seen->generation - 1) % kTargetPages);
      EXPECT_GE(seen->generation, newest);
      newest = seen->generation;
      EXPECT_TRUE(reader.Lookup((newest % kAliasCount) * 2 * kPage));
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) readers.emplace_back(read, shared.engine().Channel(0));
  for (uint64_t page = 1; page < kPublications / 3; ++page) shared.Show(page);
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace flatview::engine
