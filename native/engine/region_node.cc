#include "engine/region_node.h"

#include <algorithm>
#include <tuple>

namespace flatview::engine {
namespace {

// A number as good as random, and another one for each id (the finalizer of MurmurHash3).
uint32_t Rank(RegionId id) {
  id = (id ^ id >> 16) * 0x85ebca6b;
  id = (id ^ id >> 13) * 0xc2b2ae35;
  return id ^ id >> 16;
}

bool Outranks(const RegionNode& a, const RegionNode& b) { return Rank(a.id) > Rank(b.id); }

bool Precedes(const RegionNode& a, const RegionNode& b) {
  return std::tie(a.region.address, a.id) < std::tie(b.region.address, b.id);
}

void UpdateReach(RegionNode& node) {
  node.reach = LastInParent(node.region);
  if (node.lower != nullptr) node.reach = std::max(node.reach, node.lower->reach);
  if (node.upper != nullptr) node.reach = std::max(node.reach, node.upper->reach);
}

// Splits `tree` into what precedes `at` and the rest.
void Split(RegionNode* tree, const RegionNode& at, RegionNode*& lower, RegionNode*& upper) {
  if (tree == nullptr) {
    lower = upper = nullptr;
    return;
  }
  if (Precedes(*tree, at)) {
    Split(tree->upper, at, tree->upper, upper);
    lower = tree;
  } else {
    Split(tree->lower, at, lower, tree->lower);
    upper = tree;
  }
  UpdateReach(*tree);
}

// Joins two trees, of which all of one precedes the other.
RegionNode* Join(RegionNode* lower, RegionNode* upper) {
  if (lower == nullptr) return upper;
  if (upper == nullptr) return lower;
  RegionNode* const top = Outranks(*lower, *upper) ? lower : upper;
  if (top == lower) {
    lower->upper = Join(lower->upper, upper);
  } else {
    upper->lower = Join(lower, upper->lower);
  }
  UpdateReach(*top);
  return top;
}

RegionNode* InsertInto(RegionNode* tree, RegionNode& node) {
  if (tree == nullptr || Outranks(node, *tree)) {
    Split(tree, node, node.lower, node.upper);
    tree = &node;
  } else {
    RegionNode*& side = Precedes(node, *tree) ? tree->lower : tree->upper;
    side = InsertInto(side, node);
  }
  UpdateReach(*tree);
  return tree;
}

RegionNode* EraseFrom(RegionNode* tree, const RegionNode& node) {
  if (tree == &node) return Join(node.lower, node.upper);
  RegionNode*& side = Precedes(node, *tree) ? tree->lower : tree->upper;
  side = EraseFrom(side, node);
  UpdateReach(*tree);
  return tree;
}

}  // namespace

const RegionNode* SubregionTree::Sole() const {
  const bool sole = root_ != nullptr && root_->lower == nullptr && root_->upper == nullptr;
  return sole ? root_ : nullptr;
}

void SubregionTree::Insert(RegionNode& node) { root_ = InsertInto(root_, node); }

void SubregionTree::Erase(RegionNode& node) {
  root_ = EraseFrom(root_, node);
  node.lower = node.upper = nullptr;
}

}  // namespace flatview::engine
