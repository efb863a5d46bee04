#pragma once

#include <cstddef>
#include <vector>

#include "engine/child_index.h"
#include "engine/open_ranges.h"

namespace flatview::engine {

// For a walk of the tree: the subregions that lie in what can be seen of their container, found in
// the ChildIndex. Of two that overlap the higher one comes first.
//
// Where most lie apart, as they mostly do, all are listed, by address. Where they lie one over the
// other, they are found one by one, the highest first, and leaves that are hidden behind what was
// painted before are left out, many at a time where they lie close; so thousands of them cost no
// more than a search.
//
// (Regions that hold or show others are never left out, so that an alias which shows itself without
// end is found wherever it hides.)
//
// Thread safety: none. It is a class only to keep its working memory from one use to the next.
class IndexedSubregions {
 public:
  // REQUIRES: `children` lives as long.
  explicit IndexedSubregions(const ChildIndex& children) : children_(children) {}

  // Begins a walk that shows `window`.
  void Start(const AddressRange& window);

  bool HasAny(RegionId container) const { return children_.HasChildren(container); }

  // Goes into a container whose first byte is shown at `base`, and what can be seen of it at
  // `clip`.
  void Enter(RegionId container, Int128 base, const AddressRange& clip);

  // The next subregion of the innermost container. kNoRegion if there are no more: then the walk is
  // in the container outside again.
  RegionId Next();

  // Nothing further shows at `range`.
  void Hide(const AddressRange& range) { open_.Cover(range); }

 private:
  using Tree = IntervalForest::Node;
  using Item = IntervalForest::Item;

  // A subregion, or a tree of them of which only the hull is known.
  struct Candidate {
    Item item;
    const Tree* tree = nullptr;  // null: it is a subregion

    friend bool operator<(const Candidate& a, const Candidate& b) {
      return a.item.interval.key < b.item.interval.key;
    }
  };
  struct Listed {
    StackingKey key;
    RegionId id = kNoRegion;
  };

  struct Level {
    Int128 base;
    AddressRange part;  // what can be seen, in the container's own bytes
    bool is_listed;     // else subregions are found one by one
    size_t next;        // of the list, the next one
    size_t listed;      // how many there are of the levels outside
    size_t candidates;  // likewise
  };

  bool List(const Tree* tree);
  void StackOverlapping(size_t begin, size_t end);
  RegionId NextListed();
  RegionId NextHighest();
  void AddAll(const Tree& tree);
  Candidate TakeHighest();
  bool CanShow(const Item& item) const;
  bool IsVisible(const AddressRange& range) const;
  AddressRange Outside(const AddressRange& range) const;

  const ChildIndex& children_;
  OpenRanges open_;
  std::vector<Level> levels_;
  // Of both, those of the innermost container are at the end: subregions in the order in which they
  // come, or a heap with the highest on top.
  std::vector<Listed> listed_;
  std::vector<Candidate> candidates_;
};

}  // namespace flatview::engine
