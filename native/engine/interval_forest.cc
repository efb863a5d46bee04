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

RegionId IntervalForest::OwnerOf(RegionId id) const {
  const Node* const node = nodes_.Find(id);
  return node != nullptr ? node->owner : kNoRegion;
}

IntervalForest::Tree IntervalForest::TreeOf(RegionId owner) const {
  const Tree* const tree = trees_.Find(owner);
  return tree != nullptr ? *tree : kNoRegion;
}

void IntervalForest::Insert(RegionId owner, RegionId id, const Interval& interval) {
  Node& node = nodes_.Use(id);
  node.interval = interval;
  node.owner = owner;
  const Tree tree = TreeOf(owner);
  Refresh(id);
  trees_.Use(owner) = InsertInto(tree, id);
}

void IntervalForest::Erase(RegionId id) {
  const RegionId owner = nodes_[id].owner;
  const Tree tree = EraseFrom(trees_[owner], id);
  trees_[owner] = tree;
  if (tree == kNoRegion) trees_.Drop(owner);
  nodes_.Drop(id);
}

bool IntervalForest::Before(RegionId a, RegionId b) const {
  const uint64_t first_a = At(a).interval.range.first;
  const uint64_t first_b = At(b).interval.range.first;
  return std::tie(first_a, a) < std::tie(first_b, b);
}

IntervalForest::Tree IntervalForest::InsertInto(Tree tree, RegionId id) {
  if (tree == kNoRegion) return id;
  if (Weight(id) > Weight(tree)) {
    Split(tree, id, nodes_[id].left, nodes_[id].right);
    Refresh(id);
    return id;
  }
  Tree& side = Before(id, tree) ? nodes_[tree].left : nodes_[tree].right;
  side = InsertInto(side, id);
  Refresh(tree);
  return tree;
}

// Cuts `tree` in what comes before `at` and what comes behind.
void IntervalForest::Split(Tree tree, RegionId at, Tree& left, Tree& right) {
  if (tree == kNoRegion) {
    left = right = kNoRegion;
    return;
  }
  Node& node = nodes_[tree];
  if (Before(tree, at)) {
    left = tree;
    Split(node.right, at, node.right, right);
  } else {
    right = tree;
    Split(node.left, at, left, node.left);
  }
  Refresh(tree);
}

IntervalForest::Tree IntervalForest::EraseFrom(Tree tree, RegionId id) {
  if (tree == id) return Join(nodes_[id].left, nodes_[id].right);
  Tree& side = Before(id, tree) ? nodes_[tree].left : nodes_[tree].right;
  side = EraseFrom(side, id);
  Refresh(tree);
  return tree;
}

// One tree of two, of which all of `left` comes before all of `right`.
IntervalForest::Tree IntervalForest::Join(Tree left, Tree right) {
  if (left == kNoRegion) return right;
  if (right == kNoRegion) return left;
  const bool left_on_top = Weight(left) > Weight(right);
  const Tree top = left_on_top ? left : right;
  if (left_on_top) {
    nodes_[left].right = Join(nodes_[left].right, right);
  } else {
    nodes_[right].left = Join(left, nodes_[right].left);
  }
  Refresh(top);
  return top;
}

// Brings what a node says of the whole tree below it in step with the trees to its sides.
void IntervalForest::Refresh(RegionId id) {
  Node& node = nodes_[id];
  node.max_last = node.interval.range.last;
  node.highest = node.interval.key;
  node.all_leaves = node.interval.is_leaf;
  for (const Tree side : {node.left, node.right}) {
    if (side == kNoRegion) continue;
    const Node& below = At(side);
    node.max_last = std::max(node.max_last, below.max_last);
    node.highest = std::max(node.highest, below.highest);
    node.all_leaves = node.all_leaves && below.all_leaves;
  }
}

}  // namespace flatview::engine
