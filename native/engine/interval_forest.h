#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/address_range.h"
#include "engine/paged_table.h"
#include "engine/region.h"

namespace flatview::engine {

// Which of two siblings is above the other: the one with the higher priority, among equals the one
// with the higher sequence. Ids make it a total order. All three are one number of 128 bits, the
// priority on top, so that comparing them takes no branch.
class StackingKey {
 public:
  StackingKey() = default;
  StackingKey(int32_t priority, uint64_t sequence, RegionId id)
      : high_(uint64_t{static_cast<uint32_t>(priority) ^ (1u << 31)} << 32 | sequence >> 32),
        low_(sequence << 32 | id) {}

  friend bool operator==(const StackingKey&, const StackingKey&) = default;
  friend bool operator<(const StackingKey& a, const StackingKey& b) {
    return a.number() < b.number();
  }

 private:
  __extension__ using Uint128 = unsigned __int128;

  Uint128 number() const { return Uint128{high_} << 64 | low_; }

  uint64_t high_ = 0;
  uint64_t low_ = 0;
};

// The addresses that a region takes up inside its owner, and how it is stacked there.
struct Interval {
  AddressRange range = {0, 0};
  StackingKey key;
  // Nothing lies in the region: all it can show is itself.
  bool is_leaf = false;

  friend bool operator==(const Interval&, const Interval&) = default;
};

// For each region that owns others (a container its subregions, a target its aliases), a tree of
// their intervals. Each region is in one tree at most.
//
// The trees are B-trees ordered by first address, then by id. Every change takes O(log n), also
// where everything overlaps.
//
// Thread safety: none; one thread at a time.
class IntervalForest {
 public:
  struct Node;
  struct NodeDeleter {
    void operator()(Node* node) const;
  };
  using NodePtr = std::unique_ptr<Node, NodeDeleter>;

  // An interval and its region; or the hull of all that lie below a node: from where the first
  // begins to where the last one ends, with the key of the highest, and whether all are leaves.
  // Then the region is the first one.
  struct Item {
    Interval interval;
    RegionId id = kNoRegion;
  };

  // Items that ascend. What a search looks at first, lies together.
  struct Node {
    static constexpr size_t kMaxItems = 16;

    struct Rest {
      StackingKey key;
      RegionId id = kNoRegion;
      bool is_leaf = false;
    };

    explicit Node(uint32_t node_height) : height(node_height) {}

    const uint32_t height;  // 0: the items are intervals; else the hulls of children
    uint32_t count = 0;
    std::array<uint64_t, kMaxItems> firsts = {};
    std::array<uint64_t, kMaxItems> lasts = {};
    std::array<Rest, kMaxItems> rests = {};

    Item At(size_t index) const {
      const Rest& rest = rests[index];
      return {{{firsts[index], lasts[index]}, rest.key, rest.is_leaf}, rest.id};
    }
    void Set(size_t index, const Item& item) {
      firsts[index] = item.interval.range.first;
      lasts[index] = item.interval.range.last;
      rests[index] = {item.interval.key, item.id, item.interval.is_leaf};
    }
    // REQUIRES for these: height != 0.
    const Node& Child(size_t index) const;
    Node& Child(size_t index);
  };

  // Puts region `id` into the tree of `owner`. REQUIRES: it is in no tree.
  void Insert(RegionId owner, RegionId id, const Interval& interval);
  // Gives it another interval in the tree that it is in. REQUIRES: it is in one.
  void Change(RegionId id, const Interval& interval);
  // Takes it out of the tree that it is in. REQUIRES: it is in one.
  void Erase(RegionId id);

  // The region in whose tree `id` is, or kNoRegion.
  RegionId OwnerOf(RegionId id) const {
    const Place* const place = places_.Find(id);
    return place != nullptr ? place->owner : kNoRegion;
  }
  // REQUIRES for these: `id` is in a tree.
  bool IsLeaf(RegionId id) const { return places_[id].is_leaf; }
  Interval IntervalOf(RegionId id) const;

  // The topmost node; null if it owns none.
  const Node* TreeOf(RegionId owner) const {
    const NodePtr* const tree = trees_.Find(owner);
    return tree != nullptr ? tree->get() : nullptr;
  }

  // Calls `visit(id, interval)` for each interval in `tree` that intersects `range`, ascending.
  template <typename Visit>
  static void ForEach(const Node* tree, const AddressRange& range, Visit visit) {
    ForEachWhile(tree, range, [&visit](RegionId id, const Interval& interval) {
      visit(id, interval);
      return true;
    });
  }

  // The same, until `visit` returns false: then it returns false, too.
  template <typename Visit>
  static bool ForEachWhile(const Node* tree, const AddressRange& range, const Visit& visit) {
    if (tree == nullptr) return true;
    for (size_t i = 0; i < tree->count && tree->firsts[i] <= range.last; ++i) {
      if (tree->lasts[i] < range.first) continue;
      if (tree->height != 0) {
        if (!ForEachWhile(&tree->Child(i), range, visit)) return false;
      } else {
        const Item item = tree->At(i);
        if (!visit(item.id, item.interval)) return false;
      }
    }
    return true;
  }

  // Calls `visit(id)` for each in `tree` that is no leaf, ascending.
  template <typename Visit>
  static void ForEachInner(const Node* tree, Visit visit) {
    if (tree == nullptr) return;
    for (size_t i = 0; i < tree->count; ++i) {
      if (tree->rests[i].is_leaf) continue;
      if (tree->height != 0) {
        ForEachInner(&tree->Child(i), visit);
      } else {
        visit(tree->rests[i].id);
      }
    }
  }

 private:
  struct Place {
    RegionId owner = kNoRegion;
    bool is_leaf = false;
    uint64_t first = 0;
  };

  PagedTable<Place> places_;   // by region
  PagedTable<NodePtr> trees_;  // by owner
};

}  // namespace flatview::engine
