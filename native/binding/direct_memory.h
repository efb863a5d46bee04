#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <unordered_map>

#include "binding/memory_windows.h"
#include "engine/region.h"
#include "engine/view_reader.h"
#include "kernel/kvm_uapi.h"

namespace flatview::binding {

// How a region's bytes are accessed.
enum class DirectKind : uint8_t {
  kMemory,     // ram, rom: at any alignment
  kDevice,     // mapped device memory: in exactly the guest's width
  kRomDevice,  // read like memory while the range says so; writes are the device's
};

// The bytes of the regions that an address space shows, for threads that run a guest: what answers
// the guest's exits to memory that the kernel has no slot for, without JavaScript.
//
// Thread safety: Add and Remove are the environment's. Readers are on any threads, and hold a lock
// for each access: what a reader finds in the newest view is what Add said of it, as a region's id
// is used again only after a commit without it was published.
class DirectMemory {
 public:
  // REQUIRES: `channel` is not null.
  explicit DirectMemory(std::shared_ptr<engine::ViewChannel> channel)
      : channel_(std::move(channel)) {}
  DirectMemory(const DirectMemory&) = delete;
  DirectMemory& operator=(const DirectMemory&) = delete;

  void Add(engine::RegionId region, DirectKind kind, MemoryLoan loan);
  void Remove(engine::RegionId region);

 private:
  friend class DirectMemoryReader;

  struct Bytes {
    DirectKind kind;
    MemoryLoan loan;
  };

  const std::shared_ptr<engine::ViewChannel> channel_;
  std::shared_mutex mutex_;
  std::unordered_map<engine::RegionId, Bytes> regions_;
};

// One vCPU's way to direct memory.
//
// Thread safety: whoever runs the vCPU; made and destroyed by the environment, while nobody does.
class DirectMemoryReader {
 public:
  explicit DirectMemoryReader(std::shared_ptr<DirectMemory> memory)
      : memory_(std::move(memory)), reader_(memory_->channel_) {}

  // Answers an exit to memory, if it needs no more than memory: one access of a machine's width
  // within one range. Where nothing is, reads give 0 and writes go nowhere. By the rules of
  // lib/memory/access: a range that is read-only takes no writes, and a write that somebody wants
  // to know of (dirty log) is not for here. Memory that doesn't answer reads as ones.
  bool Answer(kernel::kvm::RunPage& page);

  // Who answered an exit (lib/native/kvm-addon.ts has the same numbers).
  enum class AnsweredBy : uint8_t {
    kMemory,
    kNobody,        // where nothing is
    kFailedMemory,  // memory that was to answer and didn't
  };
  static constexpr size_t kAnswers = 3;

  // Any thread: how many exits were answered so.
  uint64_t count(AnsweredBy who) const { return answers_[static_cast<size_t>(who)]; }

 private:
  bool AnswerIn(const engine::FlatRange& range, kernel::kvm::RunPage& page);
  void Count(AnsweredBy who) { ++answers_[static_cast<size_t>(who)]; }

  const std::shared_ptr<DirectMemory> memory_;
  engine::ViewReader reader_;
  std::array<std::atomic<uint64_t>, kAnswers> answers_ = {};
};

}  // namespace flatview::binding
