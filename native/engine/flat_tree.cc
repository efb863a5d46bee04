#include "engine/flat_tree.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <utility>

namespace flatview::engine {
namespace {

constexpr size_t kMaxRanges = FlatNode::kMaxRanges;
constexpr size_t kMaxChildren = FlatNode::kMaxChildren;

size_t MaxCount(size_t height) { return height == 0 ? kMaxRanges : kMaxChildren; }
bool IsSmall(const FlatNode& node) { return node.count < MaxCount(node.height) / 4; }

// The keys and the items of a node that is being made.
struct Draft {
  FlatNode* node;
  uint64_t* keys;
  std::byte* items;
};

// A node without its content.
Draft Allocate(size_t height, size_t count) {
  const size_t item = height == 0 ? sizeof(FlatNode::Rest) : sizeof(const FlatNode*);
  const size_t room = MaxCount(height);
  void* const memory = ::operator new(sizeof(FlatNode) + room * sizeof(uint64_t) + count * item);
  FlatNode* const node =
      std::construct_at(static_cast<FlatNode*>(memory), 1u, static_cast<uint16_t>(count),
                        static_cast<uint16_t>(height));
  auto* const keys = reinterpret_cast<uint64_t*>(node + 1);
  std::fill(keys + count, keys + room, kLastAddress);
  return {node, keys, reinterpret_cast<std::byte*>(keys + room)};
}

void WriteRanges(std::span<const FlatRange> ranges, uint64_t* keys, FlatNode::Rest* rests) {
  for (const FlatRange& range : ranges) {
    *keys++ = range.first;
    *rests++ = {range.last, range.offset, range.region, range.attributes};
  }
}

FlatNodeRef MakeLeaf(std::span<const FlatRange> ranges) {
  const Draft draft = Allocate(0, ranges.size());
  auto* const rests = reinterpret_cast<FlatNode::Rest*>(draft.items);
  WriteRanges(ranges, draft.keys, rests);
  return FlatNodeRef(draft.node);
}

// Takes the references of `children`.
FlatNodeRef MakeInner(std::span<FlatNodeRef> children) {
  const Draft draft = Allocate(children.front()->height + 1u, children.size());
  auto* const nodes = reinterpret_cast<const FlatNode**>(draft.items);
  for (size_t i = 0; i < children.size(); ++i) {
    draft.keys[i] = children[i]->keys()[0];
    nodes[i] = children[i].Detach();
  }
  return FlatNodeRef(draft.node);
}

// Makes nodes of `items`, as few and as equal as can be, with `make`.
template <typename Item, typename Make>
void Pack(std::span<Item> items, size_t max, std::vector<FlatNodeRef>& out, Make make) {
  for (size_t left = (items.size() + max - 1) / max; left > 0; --left) {
    const size_t count = (items.size() + left - 1) / left;
    out.push_back(make(items.first(count)));
    items = items.subspan(count);
  }
}

void PackLeaves(std::span<const FlatRange> ranges, std::vector<FlatNodeRef>& out) {
  Pack(ranges, kMaxRanges, out, MakeLeaf);
}

void PackInner(std::span<FlatNodeRef> children, std::vector<FlatNodeRef>& out) {
  Pack(children, kMaxChildren, out, MakeInner);
}

// The ranges of a leaf that intersect a window: from `begin` to before `end`.
struct Cut {
  size_t begin;
  size_t end;

  size_t size() const { return end - begin; }
};

Cut FindCut(const FlatNode& leaf, const AddressRange& window) {
  size_t begin = leaf.Search(window.first);
  if (leaf.rests()[begin].last < window.first) ++begin;
  size_t end = begin;
  while (end < leaf.count && leaf.keys()[end] <= window.last) ++end;
  return {begin, end};
}

// A leaf with `ranges` in the place of those of `leaf` that are cut out.
FlatNodeRef CopyLeaf(const FlatNode& leaf, const Cut& cut, std::span<const FlatRange> ranges) {
  const auto [begin, end] = cut;
  const size_t behind = leaf.count - end;
  const Draft draft = Allocate(0, begin + ranges.size() + behind);
  auto* const rests = reinterpret_cast<FlatNode::Rest*>(draft.items);
  uint64_t* const keys = std::copy_n(leaf.keys(), begin, draft.keys);
  WriteRanges(ranges, keys, std::copy_n(leaf.rests(), begin, rests));
  std::copy_n(leaf.keys() + end, behind, keys + ranges.size());
  std::copy_n(leaf.rests() + end, behind, rests + begin + ranges.size());
  return FlatNodeRef(draft.node);
}

// An inner node with `child` in the place of the one at `index`.
FlatNodeRef CopyInner(const FlatNode& node, size_t index, FlatNodeRef child) {
  const Draft draft = Allocate(node.height, node.count);
  auto* const nodes = reinterpret_cast<const FlatNode**>(draft.items);
  std::copy_n(node.keys(), node.count, draft.keys);
  for (size_t i = 0; i < node.count; ++i) {
    nodes[i] = node.children()[i];
    if (i != index) FlatNodeRef::Share(nodes[i]).Detach();
  }
  draft.keys[index] = child->keys()[0];
  nodes[index] = child.Detach();
  return FlatNodeRef(draft.node);
}

// The same, in the node itself. REQUIRES: no tree has it but one that nobody else sees.
FlatNodeRef ChangeInner(const FlatNode& node, size_t index, FlatNodeRef child) {
  // NOLINTBEGIN(cppcoreguidelines-pro-type-const-cast): Allocate made it, as memory to write.
  const_cast<uint64_t*>(node.keys())[index] = child->keys()[0];
  const FlatNode*& place = const_cast<const FlatNode**>(node.children())[index];
  // NOLINTEND(cppcoreguidelines-pro-type-const-cast)
  const FlatNodeRef before(std::exchange(place, child.Detach()));
  return FlatNodeRef::Share(&node);
}

void ShareChildren(const FlatNode& node, size_t begin, size_t end, std::vector<FlatNodeRef>& out) {
  for (size_t i = begin; i < end; ++i) out.push_back(FlatNodeRef::Share(node.children()[i]));
}

// Whether nobody else has the node, provided that nobody else has one above it.
bool IsSole(const FlatNode& node) { return node.references.load(std::memory_order_acquire) == 1; }

size_t CountRanges(const FlatNode& node) {
  if (node.height == 0) return node.count;
  size_t ranges = 0;
  for (size_t i = 0; i < node.count; ++i) ranges += CountRanges(*node.children()[i]);
  return ranges;
}

}  // namespace

// As deep as the tree is high, which is a dozen at most.
void FlatNodeRef::Release(const FlatNode* node) {
  if (node->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (node->height != 0) {
    for (size_t i = 0; i < node->count; ++i) Release(node->children()[i]);
  }
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): nobody reads it any more.
  ::operator delete(const_cast<FlatNode*>(node));
}

void FlatTree::Cursor::Seek(uint64_t address) {
  next_leaf_.reset();
  const FlatNode* node = root_;
  while (node->height != 0) {
    const size_t index = node->Search(address);
    if (index + 1 < node->count) next_leaf_ = node->keys()[index + 1];
    node = node->children()[index];
  }
  leaf_ = node;
  SeekInLeaf(address);
}

void FlatTree::Cursor::SeekInLeaf(uint64_t address) {
  index_ = leaf_->Search(address);
  if (leaf_->rests()[index_].last < address) ++*this;
}

void FlatTree::Cursor::SkipTo(uint64_t address) {
  if (at_end()) return;
  if (next_leaf_ && *next_leaf_ <= address) {
    Seek(address);
  } else {
    SeekInLeaf(address);
  }
}

void FlatTree::Cursor::NextLeaf() {
  if (next_leaf_) {
    Seek(*next_leaf_);
  } else {
    leaf_ = nullptr;
  }
}

FlatTree FlatTreeSplicer::Splice(FlatTree tree, const AddressRange& window,
                                 std::span<const FlatRange> ranges) {
  removed_ = 0;
  nodes_.clear();
  const size_t size = tree.size();
  const FlatNodeRef old = std::move(tree.root_);
  if (old.get() == nullptr) {
    PackLeaves(ranges, nodes_);
  } else if (FlatNodeRef one = ReplaceOne(*old, IsSole(*old), window, ranges);
             one.get() != nullptr) {
    return {std::move(one), size - removed_ + ranges.size()};
  } else {
    Replace(*old, window, ranges, nodes_);
  }
  while (nodes_.size() > 1) {
    above_.clear();
    PackInner(nodes_, above_);
    std::swap(nodes_, above_);
  }
  FlatNodeRef root = nodes_.empty() ? FlatNodeRef() : std::move(nodes_.front());
  while (root.get() != nullptr && root->height != 0 && root->count == 1) {
    root = FlatNodeRef::Share(root->children()[0]);
  }
  return {std::move(root), size - removed_ + ranges.size()};
}

// What mostly happens: one leaf has all that goes, and room for all that comes, and nodes only give
// their places to others. Returns what takes the place of `node`; or null, and nothing is done, if
// it is not that simple. Sole: no other tree has the node, nor what is above it.
FlatNodeRef FlatTreeSplicer::ReplaceOne(const FlatNode& node, bool is_sole,
                                        const AddressRange& window,
                                        std::span<const FlatRange> ranges) {
  if (node.height == 0) {
    const Cut cut = FindCut(node, window);
    const size_t count = node.count - cut.size() + ranges.size();
    if (count < kMaxRanges / 4 || count > kMaxRanges) return {};
    removed_ = cut.size();
    return CopyLeaf(node, cut, ranges);
  }
  const size_t index = node.Search(window.first);
  if (node.LastBefore(index + 1, kLastAddress) < window.last) return {};
  const FlatNode& child = *node.children()[index];
  FlatNodeRef by = ReplaceOne(child, is_sole && IsSole(child), window, ranges);
  if (by.get() == nullptr) return {};
  return is_sole ? ChangeInner(node, index, std::move(by)) : CopyInner(node, index, std::move(by));
}

// Appends to `out` what takes the place of `node`: nodes of the same height, or nothing.
void FlatTreeSplicer::Replace(const FlatNode& node, const AddressRange& window,
                              std::span<const FlatRange> ranges, Nodes& out) {
  if (node.height == 0) return ReplaceInLeaf(node, window, ranges, out);
  const size_t first = node.Search(window.first);
  const size_t last = node.Search(window.last);
  const size_t begin = out.size();
  Replace(*node.children()[first], window, ranges, out);
  for (size_t i = first + 1; i < last; ++i) removed_ += CountRanges(*node.children()[i]);
  if (first != last) Replace(*node.children()[last], window, {}, out);
  if (first == last && out.size() == begin + 1 && !IsSmall(*out.back())) {
    out.back() = CopyInner(node, first, std::move(out.back()));
    return;
  }
  Repack(node, first, last, begin, out);
}

// Makes nodes of what `out` has from `begin` on, in the place of the children of `node` from
// `first` to `last`, and of the others.
void FlatTreeSplicer::Repack(const FlatNode& node, size_t first, size_t last, size_t begin,
                             Nodes& out) {
  Nodes children;
  ShareChildren(node, 0, first, children);
  std::move(out.begin() + static_cast<ptrdiff_t>(begin), out.end(), std::back_inserter(children));
  out.resize(begin);
  ShareChildren(node, last + 1, node.count, children);
  Repair(children);
  PackInner(children, out);
}

void FlatTreeSplicer::ReplaceInLeaf(const FlatNode& leaf, const AddressRange& window,
                                    std::span<const FlatRange> ranges, Nodes& out) {
  const Cut cut = FindCut(leaf, window);
  removed_ += cut.size();
  const size_t count = leaf.count - cut.size() + ranges.size();
  if (count == 0) return;
  if (count <= kMaxRanges) return out.push_back(CopyLeaf(leaf, cut, ranges));
  ranges_.clear();
  for (size_t i = 0; i < cut.begin; ++i) ranges_.push_back(leaf.Range(i));
  ranges_.insert(ranges_.end(), ranges.begin(), ranges.end());
  for (size_t i = cut.end; i < leaf.count; ++i) ranges_.push_back(leaf.Range(i));
  PackLeaves(ranges_, out);
}

// Has small nodes merge with a neighbour.
void FlatTreeSplicer::Repair(Nodes& nodes) {
  for (size_t i = 0; i < nodes.size() && nodes.size() > 1; ++i) {
    if (!IsSmall(*nodes[i])) continue;
    const size_t left = i == 0 ? 0 : i - 1;
    MergePair(nodes[left], nodes[left + 1]);
    if (nodes[left + 1].get() == nullptr)
      nodes.erase(nodes.begin() + static_cast<ptrdiff_t>(left) + 1);
    i = left;
  }
}

// Makes two nodes of equal size of two neighbours, or one if that is enough.
void FlatTreeSplicer::MergePair(FlatNodeRef& a, FlatNodeRef& b) {
  Nodes merged;
  if (a->height == 0) {
    ranges_.clear();
    for (const FlatNode* node : {a.get(), b.get()}) {
      for (size_t i = 0; i < node->count; ++i) ranges_.push_back(node->Range(i));
    }
    PackLeaves(ranges_, merged);
  } else {
    Nodes children;
    ShareChildren(*a, 0, a->count, children);
    ShareChildren(*b, 0, b->count, children);
    PackInner(children, merged);
  }
  a = std::move(merged.front());
  b = merged.size() > 1 ? std::move(merged.back()) : FlatNodeRef();
}

}  // namespace flatview::engine
