#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "engine/region_node.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

constexpr AddressRange kWindows[] = {{0, 0},   {0, UINT64_MAX}, {10, 20},
                                     {63, 63}, {40, 100},       {UINT64_MAX, UINT64_MAX}};

std::vector<RegionId> Find(const SubregionTree& tree, const AddressRange& window) {
  std::vector<RegionId> found;
  tree.ForEach(window, [&found](const RegionNode& node) { found.push_back(node.id); });
  return found;
}

bool Overlaps(const RegionNode& node, const AddressRange& window) {
  return node.region.address <= window.last && LastInParent(node.region) >= window.first;
}

RegionNode Node(RegionId id, uint64_t address, const Region& region) {
  RegionNode node;
  node.id = id;
  node.region = In(0, address, region);
  return node;
}

TEST(SubregionTree, IsEmptyAtFirst) {
  const SubregionTree tree;
  EXPECT_TRUE(tree.empty());
  EXPECT_EQ(tree.Sole(), nullptr);
  EXPECT_TRUE(Find(tree, kAllAddresses).empty());
}

TEST(SubregionTree, KnowsItsOnlySubregion) {
  RegionNode first = Node(1, 0, Leaf(8));
  RegionNode second = Node(2, 0, Leaf(8));
  SubregionTree tree;
  tree.Insert(first);
  EXPECT_EQ(tree.Sole(), &first);
  tree.Insert(second);
  EXPECT_EQ(tree.Sole(), nullptr);
  EXPECT_FALSE(tree.empty());
  tree.Erase(first);
  EXPECT_EQ(tree.Sole(), &second);
  tree.Erase(second);
  EXPECT_TRUE(tree.empty());
}

TEST(SubregionTree, CutsWhatPassesTheEndOfTheAddressSpace) {
  EXPECT_EQ(LastInParent(In(0, 5, WholeSpace())), UINT64_MAX);
  EXPECT_EQ(LastInParent(In(0, UINT64_MAX, Leaf(8))), UINT64_MAX);
  EXPECT_EQ(LastInParent(In(0, UINT64_MAX - 8, Leaf(8))), UINT64_MAX - 1);
  EXPECT_EQ(LastInParent(In(0, 5, Leaf(0))), 5u);
}

// Random insertions and removals, against looking at every region.
TEST(SubregionTree, FindsWhatLooksIntoAWindow) {
  std::mt19937 random(4);
  const auto below = [&random](uint64_t bound) { return random() % bound; };
  std::vector<std::unique_ptr<RegionNode>> nodes;
  for (RegionId id = 0; id < 60; ++id) {
    const uint64_t address = below(16) == 0 ? UINT64_MAX - below(3) : below(64);
    const uint64_t size = below(uint64_t{1} << below(7));
    nodes.push_back(std::make_unique<RegionNode>(
        Node(id, address, below(16) == 0 ? WholeSpace() : Leaf(size))));
  }
  SubregionTree tree;
  std::vector<bool> inserted(nodes.size());
  for (int round = 0; round < 4'000; ++round) {
    const size_t index = below(nodes.size());
    RegionNode& node = *nodes[index];
    if (inserted[index]) {
      tree.Erase(node);
    } else {
      tree.Insert(node);
    }
    inserted[index] = !inserted[index];
    for (const AddressRange& window : kWindows) {
      std::set<std::pair<uint64_t, RegionId>> expected;
      for (size_t i = 0; i < nodes.size(); ++i) {
        if (!inserted[i] || !Overlaps(*nodes[i], window)) continue;
        expected.emplace(nodes[i]->region.address, nodes[i]->id);
      }
      std::vector<RegionId> ids;
      ids.reserve(expected.size());
      for (const auto& [address, id] : expected) ids.push_back(id);
      ASSERT_EQ(Find(tree, window), ids) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace flatview::engine
