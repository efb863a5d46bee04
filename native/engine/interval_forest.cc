#include "engine/interval_forest.h"

#include <utility>

namespace flatview::engine {
namespace {

using Item = IntervalForest::Item;
using Node = IntervalForest::Node;
using NodePtr = IntervalForest::NodePtr;
constexpr size_t kMaxItems = Node::kMaxItems;

struct Inner : Node {
  explicit Inner(uint32_t node_height) : Node(node_height) {}

  std::array<NodePtr, kMaxItems> children;
};

std::array<NodePtr, kMaxItems>& ChildrenOf(Node& node) {
  return static_cast<Inner&>(node).children;
}

NodePtr MakeNode(uint32_t height) {
  return NodePtr(height == 0 ? std::make_unique<Node>(0).release()
                             : std::make_unique<Inner>(height).release());
}

// How many items of a node begin before this one, or are it.
size_t CountUpTo(const Node& node, uint64_t first, RegionId id) {
  size_t count = 0;
  for (size_t i = 0; i < node.count; ++i) count += node.firsts[i] <= first ? 1 : 0;
  while (count > 0 && node.firsts[count - 1] == first && node.rests[count - 1].id > id) --count;
  return count;
}

// The hull of what `a` and `b` are the hulls of. REQUIRES: `a` comes first.
Item HullOf(const Item& a, const Item& b) {
  return {{{a.interval.range.first, std::max(a.interval.range.last, b.interval.range.last)},
           std::max(a.interval.key, b.interval.key),
           a.interval.is_leaf && b.interval.is_leaf},
          a.id};
}

Item HullOf(const Node& node) {
  Item hull = node.At(0);
  for (size_t i = 1; i < node.count; ++i) hull = HullOf(hull, node.At(i));
  return hull;
}

// Whether a hull can be another one without this.
bool Depends(const Item& hull, const Item& item) {
  return hull.id == item.id || hull.interval.range.last == item.interval.range.last ||
         hull.interval.key == item.interval.key || !item.interval.is_leaf;
}

template <typename Array>
void Shift(Array& array, size_t begin, size_t end, size_t to) {
  const auto at = [&array](size_t index) { return array.begin() + static_cast<ptrdiff_t>(index); };
  if (to < begin) {
    std::move(at(begin), at(end), at(to));
  } else {
    std::move_backward(at(begin), at(end), at(to + (end - begin)));
  }
}

// Has the items from `begin` on come from `to` on, and so be as many more or fewer.
void ShiftItems(Node& node, size_t begin, size_t to) {
  Shift(node.firsts, begin, node.count, to);
  Shift(node.lasts, begin, node.count, to);
  Shift(node.rests, begin, node.count, to);
  if (node.height != 0) Shift(ChildrenOf(node), begin, node.count, to);
  node.count = static_cast<uint32_t>(node.count + to - begin);
}

// Moves the items of `from` from `begin` on behind those of `to`.
void MoveItems(Node& from, size_t begin, Node& to) {
  for (size_t i = begin; i < from.count; ++i) {
    to.Set(to.count, from.At(i));
    if (to.height != 0) ChildrenOf(to)[to.count] = std::move(ChildrenOf(from)[i]);
    ++to.count;
  }
  from.count = static_cast<uint32_t>(begin);
}

void AddItem(Node& node, size_t index, const Item& item, NodePtr child) {
  ShiftItems(node, index, index + 1);
  node.Set(index, item);
  if (child != nullptr) ChildrenOf(node)[index] = std::move(child);
}

void RemoveItem(Node& node, size_t index) {
  if (node.height != 0) ChildrenOf(node)[index] = nullptr;
  ShiftItems(node, index + 1, index);
}

// Adds an item, and to an inner node the child that it is the hull of. Returns a node with those
// for which there is no room, which is to follow this one; or null.
NodePtr Add(Node& node, size_t index, const Item& item, NodePtr child) {
  if (node.count < kMaxItems) {
    AddItem(node, index, item, std::move(child));
    return nullptr;
  }
  // Where regions come by ascending address, nodes are to be full.
  const size_t half = index == kMaxItems ? kMaxItems : kMaxItems / 2;
  NodePtr behind = MakeNode(node.height);
  MoveItems(node, half, *behind);
  if (index < half) {
    AddItem(node, index, item, std::move(child));
  } else {
    AddItem(*behind, index - half, item, std::move(child));
  }
  return behind;
}

// Adds an interval somewhere below; returns what Add does.
NodePtr AddBelow(Node& node, const Item& item) {
  const size_t count = CountUpTo(node, item.interval.range.first, item.id);
  if (node.height == 0) return Add(node, count, item, nullptr);
  const size_t index = count == 0 ? 0 : count - 1;
  Node& child = node.Child(index);
  NodePtr behind = AddBelow(child, item);
  if (behind == nullptr) {
    const Item hull = node.At(index);
    node.Set(index, count == 0 ? HullOf(item, hull) : HullOf(hull, item));
    return nullptr;
  }
  node.Set(index, HullOf(child));
  const Item hull = HullOf(*behind);
  return Add(node, index + 1, hull, std::move(behind));
}

// Makes one of a small child and the one behind or before it, if they fit.
void MergeSmall(Node& node, size_t index) {
  if (node.Child(index).count >= kMaxItems / 4 || node.count < 2) return;
  const size_t left = index + 1 < node.count ? index : index - 1;
  Node& child = node.Child(left);
  Node& behind = node.Child(left + 1);
  if (child.count + behind.count > kMaxItems) return;
  MoveItems(behind, 0, child);
  node.Set(left, HullOf(node.At(left), node.At(left + 1)));
  RemoveItem(node, left + 1);
}

// Takes out an interval somewhere below, and returns it.
Item RemoveBelow(Node& node, uint64_t first, RegionId id) {
  const size_t index = CountUpTo(node, first, id) - 1;
  if (node.height == 0) {
    const Item item = node.At(index);
    RemoveItem(node, index);
    return item;
  }
  Node& child = node.Child(index);
  const Item item = RemoveBelow(child, first, id);
  if (child.count == 0) {
    RemoveItem(node, index);
  } else {
    if (Depends(node.At(index), item)) node.Set(index, HullOf(child));
    MergeSmall(node, index);
  }
  return item;
}

// Puts another interval in the place of one that begins at the same address, and returns that.
Item ReplaceBelow(Node& node, const Item& item) {
  const size_t index = CountUpTo(node, item.interval.range.first, item.id) - 1;
  const Item present = node.At(index);
  if (node.height == 0) {
    node.Set(index, item);
    return present;
  }
  Node& child = node.Child(index);
  const Item before = ReplaceBelow(child, item);
  node.Set(index, Depends(present, before) ? HullOf(child) : HullOf(present, item));
  return before;
}

}  // namespace

void IntervalForest::NodeDeleter::operator()(Node* node) const {
  if (node->height == 0) {
    std::default_delete<Node>()(node);
  } else {
    std::default_delete<Inner>()(static_cast<Inner*>(node));
  }
}

const Node& IntervalForest::Node::Child(size_t index) const {
  return *static_cast<const Inner*>(this)->children[index];
}
Node& IntervalForest::Node::Child(size_t index) {
  return *static_cast<Inner*>(this)->children[index];
}

void IntervalForest::Insert(RegionId owner, RegionId id, const Interval& interval) {
  places_.Use(id) = {owner, interval.is_leaf, interval.range.first};
  NodePtr& top = trees_.Use(owner);
  if (top == nullptr) top = MakeNode(0);
  NodePtr behind = AddBelow(*top, {interval, id});
  if (behind == nullptr) return;
  NodePtr above = MakeNode(top->height + 1);
  for (NodePtr* const child : {&top, &behind}) {
    const Item hull = HullOf(**child);
    AddItem(*above, above->count, hull, std::move(*child));
  }
  top = std::move(above);
}

void IntervalForest::Change(RegionId id, const Interval& interval) {
  Place& place = places_[id];
  const RegionId owner = place.owner;
  if (place.first == interval.range.first) {
    place.is_leaf = interval.is_leaf;
    ReplaceBelow(*trees_[owner], {interval, id});
  } else {
    Erase(id);
    Insert(owner, id, interval);
  }
}

void IntervalForest::Erase(RegionId id) {
  const auto [owner, is_leaf, first] = places_[id];
  NodePtr& top = trees_[owner];
  RemoveBelow(*top, first, id);
  while (top->height != 0 && top->count == 1) top = NodePtr(std::move(ChildrenOf(*top)[0]));
  if (top->count == 0) trees_.Drop(owner);
  places_.Drop(id);
}

Interval IntervalForest::IntervalOf(RegionId id) const {
  const auto [owner, is_leaf, first] = places_[id];
  const Node* node = TreeOf(owner);
  size_t index = CountUpTo(*node, first, id) - 1;
  for (; node->height != 0; index = CountUpTo(*node, first, id) - 1) node = &node->Child(index);
  return node->At(index).interval;
}

}  // namespace flatview::engine
