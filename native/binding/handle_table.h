#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace flatview::binding {

// Gives out uint32 handles for native objects. JavaScript keeps the number; the object stays here
// until it is removed, or until the table dies with its environment.
//
// A handle is a slot (low 22 bits) and the slot's generation (high 10 bits, never 0), which changes
// each time the slot is freed: a handle kept too long is told apart from the slot's next tenant,
// until the slot has been reused 1,023 times. 0 is never a handle.
//
// Thread safety: none; a table belongs to one environment, and so to one thread.
template <typename T>
class HandleTable {
 public:
  static constexpr uint32_t kMaxLive = 1u << 22;

  // Returns the new object's handle, or 0 when kMaxLive objects live.
  uint32_t Add(T object) {
    if (free_.empty()) {
      if (slots_.size() == kMaxLive) return 0;
      free_.push_back(static_cast<uint32_t>(slots_.size()));
      slots_.emplace_back();
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    slots_[index].object.emplace(std::move(object));
    return slots_[index].generation << kIndexBits | index;
  }

  // Returns the object, or null for anything that is not the handle of a live one.
  T* Find(uint32_t handle) {
    const uint32_t index = handle & kIndexMask;
    if (index >= slots_.size()) return nullptr;
    Slot& slot = slots_[index];
    const bool live = slot.object.has_value() && slot.generation == handle >> kIndexBits;
    return live ? &*slot.object : nullptr;
  }

  // Destroys the object. Returns false, and does nothing, for anything but a live handle.
  bool Remove(uint32_t handle) {
    if (Find(handle) == nullptr) return false;
    const uint32_t index = handle & kIndexMask;
    Slot& slot = slots_[index];
    slot.object.reset();
    slot.generation = slot.generation == kMaxGeneration ? 1 : slot.generation + 1;
    free_.push_back(index);
    return true;
  }

 private:
  static constexpr uint32_t kIndexBits = 22;
  static constexpr uint32_t kIndexMask = (1u << kIndexBits) - 1;
  static constexpr uint32_t kMaxGeneration = (1u << (32 - kIndexBits)) - 1;

  struct Slot {
    std::optional<T> object;
    uint32_t generation = 1;
  };

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace flatview::binding
