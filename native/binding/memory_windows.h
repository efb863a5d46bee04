#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_set>
#include <utility>

#include "kernel/host_memory.h"

namespace flatview::binding {

// Host memory, and the ArrayBuffers ("windows") that show parts of it to JavaScript without a copy.
//
// Lifetime: a window keeps the memory mapped. So the mapping goes when the last owner and the last
// window are gone, in whatever order the garbage collector finds them. Close() takes windows and
// memory away at once, and leaves nothing that dangles: JavaScript can have moved a window's bytes
// to another ArrayBuffer (ArrayBuffer.prototype.transfer), which can't be found from here, or a
// thread of Node.js may be reading a file into them.
// Thread safety: none; lives and dies on its environment's thread.
class WindowedMemory : public std::enable_shared_from_this<WindowedMemory> {
 public:
  // The largest ArrayBuffer that every supported Node.js makes of foreign memory (4 GiB, Node.js
  // 20: buffer.constants.MAX_LENGTH). Beyond its limit Node.js runs the finalizer and fails as
  // well.
  static constexpr uint64_t kMaxWindow = uint64_t{1} << 32;

  explicit WindowedMemory(kernel::HostMemory memory) : memory_(std::move(memory)) {}

  const kernel::HostMemory& memory() const { return memory_; }

  // Makes an ArrayBuffer over `part` of the bytes. Returns napi_ok and the buffer, or what
  // Node-API answered: napi_no_external_buffers_allowed where the runtime forbids such buffers.
  //
  // REQUIRES: `part` lies within memory().bytes(); it is not empty, nor larger than kMaxWindow.
  napi_status MakeWindow(napi_env env, std::span<std::byte> part, napi_value* buffer);

  // Detaches all windows, so that every view of them has length 0, and gives the memory back. Its
  // addresses stay taken until the finalizers of all windows have run, and all loans are back.
  void Close(napi_env env);

 private:
  friend class MemoryLoan;

  // A live ArrayBuffer. Owned by that buffer: its finalizer deletes this.
  struct Window {
    explicit Window(std::shared_ptr<WindowedMemory> shown) : memory(std::move(shown)) {}

    const std::shared_ptr<WindowedMemory> memory;
    // Weak: does not keep the buffer alive.
    napi_ref buffer = nullptr;
  };

  static void Finalize(napi_env env, void* data, void* window);

  kernel::HostMemory memory_;
  std::unordered_set<Window*> windows_;
  uint32_t loans_ = 0;
};

// Lets other threads use the bytes of host memory: as with a window, whoever still uses them after
// Close() finds zeros, and no other memory ever.
//
// Thread safety: made and given back on the environment's thread; bytes() is any thread's.
class MemoryLoan {
 public:
  explicit MemoryLoan(std::shared_ptr<WindowedMemory> lender)
      : lender_(std::move(lender)), bytes_(lender_->memory().bytes()) {
    ++lender_->loans_;
  }
  MemoryLoan(MemoryLoan&&) = default;
  MemoryLoan& operator=(MemoryLoan&& other) noexcept {
    std::swap(lender_, other.lender_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MemoryLoan() {
    if (lender_ != nullptr) --lender_->loans_;
  }

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  std::shared_ptr<WindowedMemory> lender_;
  std::span<std::byte> bytes_;
};

}  // namespace flatview::binding
