#pragma once

#include <cstdint>
#include <ostream>
#include <span>
#include <vector>

#include "engine/flat_range.h"
#include "test/engine/print.h"

namespace flatview::engine {

// One entry of a change stream.
struct Change {
  enum Kind : uint32_t { kDelete, kAdd, kKeep };

  Kind kind;
  FlatRange range;
  uint32_t old_mask = 0;  // of a kept range

  friend bool operator==(const Change&, const Change&) = default;
};

struct ChangeGroup {
  std::vector<uint32_t> spaces;
  std::vector<Change> changes;

  friend bool operator==(const ChangeGroup&, const ChangeGroup&) = default;
};

// Reads a change stream as lib/native/engine-addon.ts has it.
inline std::vector<ChangeGroup> ReadChanges(std::span<const uint64_t> words) {
  std::vector<ChangeGroup> groups;
  const auto half = [&words](size_t index) {
    return static_cast<uint32_t>(words[index / 2] >> (index % 2 * 32));
  };
  for (size_t at = 0; at < words.size();) {
    ChangeGroup group;
    const uint32_t spaces = half(2 * at);
    const uint32_t entries = half(2 * at + 1);
    ++at;
    for (uint32_t i = 0; i < spaces; ++i) group.spaces.push_back(half(2 * at + i));
    at += (spaces + 1) / 2;
    for (uint32_t i = 0; i < entries; ++i, at += 4) {
      const uint32_t attributes = half(2 * at + 7);
      const FlatRange range = {words[at], words[at + 1], words[at + 2], half(2 * at + 6),
                               attributes & 0xffff};
      group.changes.push_back({Change::Kind{attributes >> 24}, range, attributes >> 16 & 0xff});
    }
    groups.push_back(group);
  }
  return groups;
}

inline void PrintTo(const Change& change, std::ostream* out) {
  constexpr const char* kNames[] = {"delete ", "add ", "keep "};
  *out << kNames[change.kind];
  PrintTo(change.range, out);
  *out << " old mask " << change.old_mask;
}

inline void PrintTo(const ChangeGroup& group, std::ostream* out) {
  *out << "spaces";
  for (const uint32_t space : group.spaces) *out << " " << space;
  for (const Change& change : group.changes) {
    *out << "\n  ";
    PrintTo(change, out);
  }
}

}  // namespace flatview::engine
