#include "engine/interval_forest.h"

#include <algorithm>

namespace flatview::engine {
namespace {

// Nodes with the higher weight are nearer to the top. A bijection, so no two are equal.
uint32_t Weight(RegionId id) {
  uint32_t hash = id * 0x9e3779b1u;
  hash ^= hash >> 15;
  hash *= 0x85ebca77u;
  return hash ^ hash >> 13;
}

}  // namespace

void IntervalForest::Insert(RegionId owner, RegionId id, const Interval& interval) {
  Node& node = nodes_.Use(id);
  node.interval = interval;
  node.owner = owner;
  node.weight = Weight(id);
  Tree top = TreeOf(owner);
  Tree* place = &top;
  while (*place != kNoRegion && At(*place).weight > node.weight) {
    node.above = *place;
    Node& above = nodes_[*place];
    above.max_last = std::max(above.max_last, interval.range.last);
    above.highest = std::max(above.highest, interval.key);
    above.all_leaves = above.all_leaves && interval.is_leaf;
    place = Before(node, id, above, node.above) ? &above.left : &above.right;
  }
  Tree left = kNoRegion;
  Tree right = kNoRegion;
  Split(*place, id, left, right);
  Link(node.left, left, id);
  Link(node.right, right, id);
  *place = id;
  Refresh(id);
  trees_.Use(owner) = top;
}

void IntervalForest::Change(RegionId id, const Interval& interval) {
  Node& node = nodes_[id];
  if (node.interval.range.first == interval.range.first) {
    node.interval = interval;
    RefreshUp(id);
    return;
  }
  const RegionId owner = node.owner;
  Erase(id);
  Insert(owner, id, interval);
}

void IntervalForest::Erase(RegionId id) {
  const Node& node = nodes_[id];
  const RegionId above = node.above;
  const RegionId owner = node.owner;
  const Tree joined = Join(node.left, node.right);
  if (above != kNoRegion) {
    Node& top = nodes_[above];
    Link(top.left == id ? top.left : top.right, joined, above);
    RefreshUp(above);
  } else if (joined != kNoRegion) {
    Link(trees_[owner], joined, kNoRegion);
  } else {
    trees_.Drop(owner);
  }
  nodes_.Drop(id);
}

bool IntervalForest::Before(const Node& a, RegionId a_id, const Node& b, RegionId b_id) {
  const uint64_t first_a = a.interval.range.first;
  const uint64_t first_b = b.interval.range.first;
  return first_a != first_b ? first_a < first_b : a_id < b_id;
}

// Puts `tree` to a side of `above`.
void IntervalForest::Link(Tree& side, Tree tree, RegionId above) {
  side = tree;
  if (tree != kNoRegion) nodes_[tree].above = above;
}

// Cuts `tree` in what comes before `at` and what comes behind.
void IntervalForest::Split(Tree tree, RegionId at, Tree& left, Tree& right) {
  if (tree == kNoRegion) {
    left = right = kNoRegion;
    return;
  }
  Node& node = nodes_[tree];
  Tree rest = kNoRegion;
  if (Before(node, tree, nodes_[at], at)) {
    left = tree;
    Split(node.right, at, rest, right);
    Link(node.right, rest, tree);
  } else {
    right = tree;
    Split(node.left, at, left, rest);
    Link(node.left, rest, tree);
  }
  Refresh(tree);
}

// One tree of two, of which all of `left` comes before all of `right`.
IntervalForest::Tree IntervalForest::Join(Tree left, Tree right) {
  if (left == kNoRegion) return right;
  if (right == kNoRegion) return left;
  const bool left_on_top = At(left).weight > At(right).weight;
  const Tree top = left_on_top ? left : right;
  Node& node = nodes_[top];
  if (left_on_top) {
    Link(node.right, Join(node.right, right), top);
  } else {
    Link(node.left, Join(left, node.left), top);
  }
  Refresh(top);
  return top;
}

// Brings what a node says of the whole tree below it in step with the trees to its sides. Returns
// whether that changed it.
bool IntervalForest::Refresh(RegionId id) {
  Node& node = nodes_[id];
  uint64_t max_last = node.interval.range.last;
  StackingKey highest = node.interval.key;
  bool all_leaves = node.interval.is_leaf;
  for (const Tree side : {node.left, node.right}) {
    if (side == kNoRegion) continue;
    const Node& below = At(side);
    max_last = std::max(max_last, below.max_last);
    highest = std::max(highest, below.highest);
    all_leaves = all_leaves && below.all_leaves;
  }
  const bool changed =
      max_last != node.max_last || highest != node.highest || all_leaves != node.all_leaves;
  node.max_last = max_last;
  node.highest = highest;
  node.all_leaves = all_leaves;
  return changed;
}

// Refreshes a node, and those above it as far as that changes anything.
void IntervalForest::RefreshUp(RegionId id) {
  while (id != kNoRegion && Refresh(id)) id = At(id).above;
}

}  // namespace flatview::engine
