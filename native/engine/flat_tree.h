#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "engine/address_range.h"
#include "engine/flat_range.h"

namespace flatview::engine {

// A node of a FlatTree: a leaf of ranges, or an inner node over nodes that are all of the next
// lower height. Shared by every tree that has it, and immutable once there is more than one; it is
// allocated in exactly its size:
//
//   Node | keys: the first address of each item | items: the rest of each range, or the children
//
// The keys lie apart, so that a search touches as few cache lines as it can. There is room for as
// many as a node can have, and where none is, there is the last address: so every search of a node
// takes the same steps.
struct FlatNode {
  // A leaf of 1 KiB, and an inner node of 256 bytes: what a search touches of each is a few cache
  // lines, and what a commit copies is little.
  static constexpr size_t kMaxRanges = 32;
  static constexpr size_t kMaxChildren = 16;

  struct Rest {
    uint64_t last;
    uint64_t offset;
    RegionId region;
    uint32_t attributes;
  };

  // How many nodes and trees have this node.
  mutable std::atomic<uint32_t> references;
  const uint16_t count;
  const uint16_t height;  // 0: a leaf

  const uint64_t* keys() const { return reinterpret_cast<const uint64_t*>(this + 1); }
  const Rest* rests() const { return reinterpret_cast<const Rest*>(keys() + kMaxRanges); }
  const FlatNode* const* children() const {
    return reinterpret_cast<const FlatNode* const*>(keys() + kMaxChildren);
  }
  FlatRange Range(size_t index) const {
    const Rest& rest = rests()[index];
    return {keys()[index], rest.last, rest.offset, rest.region, rest.attributes};
  }

  // The last address before item `index`; `otherwise`, if there is no such item.
  uint64_t LastBefore(size_t index, uint64_t otherwise) const {
    // Behind the keys there is something that can be read, too: so this takes no branch.
    const uint64_t first = keys()[index];
    return index < count ? first - 1 : otherwise;
  }

  // The last item that begins at `address` or before, or the first if none does.
  size_t Search(uint64_t address) const {
    // Without a branch that depends on the address or on how full the node is: random ones would
    // mispredict it every other time. The last few are compared all at once, where each halving
    // would wait for the one before.
    const uint64_t* low = keys();
    if (height == 0) low += low[16] <= address ? 16 : 0;
    low += low[8] <= address ? 8 : 0;
    size_t begun = 0;
    for (size_t i = 1; i < 8; ++i) begun += low[i] <= address ? 1 : 0;
    const size_t index = static_cast<size_t>(low - keys()) + begun;
    return index < count ? index : count - 1u;
  }
};

// Shares in the ownership of a node. Any thread may drop its share.
class FlatNodeRef {
 public:
  FlatNodeRef() = default;
  // Takes over one reference.
  explicit FlatNodeRef(const FlatNode* node) : node_(node) {}
  FlatNodeRef(const FlatNodeRef& other) : node_(other.node_) {
    if (node_ != nullptr) node_->references.fetch_add(1, std::memory_order_relaxed);
  }
  FlatNodeRef(FlatNodeRef&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  FlatNodeRef& operator=(FlatNodeRef other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~FlatNodeRef() {
    if (node_ != nullptr) Release(node_);
  }

  static FlatNodeRef Share(const FlatNode* node) {
    node->references.fetch_add(1, std::memory_order_relaxed);
    return FlatNodeRef(node);
  }

  const FlatNode* get() const { return node_; }
  const FlatNode* operator->() const { return node_; }
  const FlatNode& operator*() const { return *node_; }
  // Gives up the reference without dropping it.
  const FlatNode* Detach() { return std::exchange(node_, nullptr); }

 private:
  static void Release(const FlatNode* node);

  const FlatNode* node_ = nullptr;
};

// Ascending ranges in a persistent B+tree: changing it makes a new tree, which shares with the old
// one all nodes but those on the path to the change.
//
// Thread safety: immutable; any number of threads may read it without a lock, and copies may be
// destroyed on any thread.
//
// Invariants: ranges ascend and don't overlap; all leaves have the same depth.
class FlatTree {
 public:
  class Cursor;

  // A tree without ranges.
  FlatTree() = default;

  bool empty() const { return root_.get() == nullptr; }
  size_t size() const { return size_; }
  // Whether it is the very same tree, or a copy of it.
  bool SameAs(const FlatTree& other) const { return root_.get() == other.root_.get(); }

  // Addresses that nothing answers: no region, and neither offset nor attributes mean anything.
  static FlatRange Hole(uint64_t first, uint64_t last) { return {first, last, 0, kNoRegion, 0}; }

  // The range that holds `address`.
  std::optional<FlatRange> Lookup(uint64_t address) const {
    const FlatRange found = At(address);
    return found.region != kNoRegion ? std::optional(found) : std::nullopt;
  }

  // The range that holds `address`; if none does, the hole there (see Hole).
  FlatRange At(uint64_t address) const {
    const FlatNode* node = root_.get();
    if (node == nullptr) return Hole(0, kLastAddress);
    size_t index = node->Search(address);
    uint64_t last = kLastAddress;
    for (; node->height != 0; index = node->Search(address)) {
      last = node->LastBefore(index + 1, last);
      node = node->children()[index];
    }
    const FlatRange below = node->Range(index);
    if (below.first > address) return Hole(0, below.first - 1);
    const FlatRange above = Hole(below.last + 1, node->LastBefore(index + 1, last));
    const bool is_hit = below.last >= address;
    return {Choose(is_hit, below.first, above.first), Choose(is_hit, below.last, above.last),
            below.offset, static_cast<RegionId>(Choose(is_hit, below.region, above.region)),
            below.attributes};
  }

  // From the first range that ends at `address` or beyond.
  Cursor From(uint64_t address) const;

 private:
  friend class FlatTreeSplicer;

  // Never a branch, as compilers make of ?: here: whether a random address is in a range or in a
  // hole can't be predicted.
  static uint64_t Choose(bool is_first, uint64_t first, uint64_t second) {
    return second ^ ((first ^ second) & -uint64_t{is_first});
  }

  FlatTree(FlatNodeRef root, size_t size) : root_(std::move(root)), size_(size) {}

  FlatNodeRef root_;
  size_t size_ = 0;
};

// Goes through ranges, ascending. An iterator whose end is std::default_sentinel.
// REQUIRES: the tree lives as long.
class FlatTree::Cursor {
 public:
  Cursor(const FlatTree& tree, uint64_t address) : root_(tree.root_.get()) {
    if (root_ != nullptr) Seek(address);
  }

  bool at_end() const { return leaf_ == nullptr; }
  // REQUIRES for these: !at_end().
  FlatRange operator*() const { return leaf_->Range(index_); }
  Cursor& operator++() {
    if (++index_ == leaf_->count) NextLeaf();
    return *this;
  }
  // On to the first range that ends at `address` or beyond: mostly within the same leaf. REQUIRES:
  // the present one isn't behind that.
  void SkipTo(uint64_t address);

  friend bool operator==(const Cursor& cursor, std::default_sentinel_t) { return cursor.at_end(); }

 private:
  void Seek(uint64_t address);
  void SeekInLeaf(uint64_t address);
  void NextLeaf();

  const FlatNode* root_;
  const FlatNode* leaf_ = nullptr;
  size_t index_ = 0;
  std::optional<uint64_t> next_leaf_;  // its first key
};

inline FlatTree::Cursor FlatTree::From(uint64_t address) const { return {*this, address}; }

// Makes trees of others.
//
// Thread safety: none. It is a class only to keep its working memory from one use to the next.
class FlatTreeSplicer {
 public:
  // `tree` with `ranges` in the place of all its ranges that intersect `window`. Takes O(log n),
  // and time for what goes and what comes. REQUIRES: `ranges` ascend, and lie between the ranges
  // that stay. A tree that is given away, and not copied, is changed where nobody else sees it.
  FlatTree Splice(FlatTree tree, const AddressRange& window, std::span<const FlatRange> ranges);

  // A tree of `ranges`.
  FlatTree Build(std::span<const FlatRange> ranges) { return Splice({}, kAllAddresses, ranges); }

 private:
  using Nodes = std::vector<FlatNodeRef>;

  FlatNodeRef ReplaceOne(const FlatNode& node, bool is_sole, const AddressRange& window,
                         std::span<const FlatRange> ranges);
  void Replace(const FlatNode& node, const AddressRange& window, std::span<const FlatRange> ranges,
               Nodes& out);
  void Repack(const FlatNode& node, size_t first, size_t last, size_t begin, Nodes& out);
  void ReplaceInLeaf(const FlatNode& leaf, const AddressRange& window,
                     std::span<const FlatRange> ranges, Nodes& out);
  void Repair(Nodes& nodes);
  void MergePair(FlatNodeRef& a, FlatNodeRef& b);

  size_t removed_ = 0;
  std::vector<FlatRange> ranges_;
  // Nodes that are being put together.
  Nodes nodes_;
  Nodes above_;
};

}  // namespace flatview::engine
