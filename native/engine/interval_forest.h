#pragma once

#include <algorithm>
#include <cstdint>

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
// The trees are treaps ordered by first address, whose weights are hashes of the ids: a tree's
// shape depends on its intervals alone. Every change takes O(log n), also where everything
// overlaps. What nodes say of the tree below them is mended upwards only as far as it changes,
// which is a step or two: so what mostly costs is the one way down that Insert takes.
//
// Thread safety: none; one thread at a time.
class IntervalForest {
 public:
  // A tree's topmost node, named by its region. kNoRegion is the empty tree.
  using Tree = RegionId;

  struct Node {
    Interval interval;
    RegionId owner = kNoRegion;
    Tree above = kNoRegion;  // the node that this one is to a side of
    Tree left = kNoRegion;   // intervals that begin before this one
    Tree right = kNoRegion;  // those that begin behind it, or at the same address
    // Of the whole tree below and with this node: where the last one ends, the key of the highest,
    // and whether all are leaves.
    uint64_t max_last = 0;
    StackingKey highest;
    bool all_leaves = false;
    uint32_t weight = 0;
  };

  // Puts region `id` into the tree of `owner`. REQUIRES: it is in no tree.
  void Insert(RegionId owner, RegionId id, const Interval& interval);
  // Gives it another interval in the tree that it is in. REQUIRES: it is in one.
  void Change(RegionId id, const Interval& interval);
  // Takes it out of the tree that it is in. REQUIRES: it is in one.
  void Erase(RegionId id);

  // The region in whose tree `id` is, or kNoRegion.
  RegionId OwnerOf(RegionId id) const {
    const Node* const node = nodes_.Find(id);
    return node != nullptr ? node->owner : kNoRegion;
  }
  // REQUIRES: `id` is in a tree.
  const Interval& IntervalOf(RegionId id) const { return nodes_[id].interval; }

  Tree TreeOf(RegionId owner) const {
    const Tree* const tree = trees_.Find(owner);
    return tree != nullptr ? *tree : kNoRegion;
  }
  // REQUIRES: `tree` is not empty.
  const Node& At(Tree tree) const { return nodes_[tree]; }

  // Calls `visit(id, interval)` for each interval in `tree` that intersects `range`, ascending.
  template <typename Visit>
  void ForEach(Tree tree, const AddressRange& range, Visit visit) const {
    ForEachWhile(tree, range, [&visit](RegionId id, const Interval& interval) {
      visit(id, interval);
      return true;
    });
  }

  // The same, until `visit` returns false: then it returns false, too.
  template <typename Visit>
  bool ForEachWhile(Tree tree, const AddressRange& range, const Visit& visit) const {
    while (tree != kNoRegion) {
      const Node& node = At(tree);
      if (node.interval.range.first > range.last) {
        tree = node.left;
        continue;
      }
      if (node.max_last < range.first) break;
      const bool looks_left = node.left != kNoRegion && At(node.left).max_last >= range.first;
      if (looks_left && !ForEachWhile(node.left, range, visit)) return false;
      if (node.interval.range.last >= range.first && !visit(tree, node.interval)) return false;
      tree = node.right;
    }
    return true;
  }

  // Calls `visit(id)` for each in `tree` that is no leaf, ascending.
  template <typename Visit>
  void ForEachInner(Tree tree, Visit visit) const {
    while (tree != kNoRegion && !At(tree).all_leaves) {
      const Node& node = At(tree);
      ForEachInner(node.left, visit);
      if (!node.interval.is_leaf) visit(tree);
      tree = node.right;
    }
  }

 private:
  static bool Before(const Node& a, RegionId a_id, const Node& b, RegionId b_id);
  void Link(Tree& side, Tree tree, RegionId above);
  void Split(Tree tree, RegionId at, Tree& left, Tree& right);
  Tree Join(Tree left, Tree right);
  bool Refresh(RegionId id);
  void RefreshUp(RegionId id);

  PagedTable<Node> nodes_;
  PagedTable<Tree> trees_;  // by owner
};

}  // namespace flatview::engine
