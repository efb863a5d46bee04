#include "engine/self_check.h"

#include <charconv>
#include <set>
#include <vector>

#include "engine/listed_subregions.h"
#include "engine/render.h"

namespace flatview::engine {
namespace {

using Failure = std::optional<SelfCheckFailure>;

std::string Hex(uint64_t value) {
  char digits[16];
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), value, 16);
  return "0x" + std::string(digits, end);
}

std::string Describe(const FlatRange* range) {
  if (range == nullptr) return "nothing";
  return Hex(range->first) + "-" + Hex(range->last) + " of region " +
         std::to_string(range->region) + " at offset " + Hex(range->offset) + " with attributes " +
         Hex(range->attributes);
}

// Compares a view with the ranges that it should have.
Failure CompareRanges(RegionId root, const FlatView& view, const std::vector<FlatRange>& expected) {
  size_t index = 0;
  FlatTree::Cursor cursor = view.begin();
  const auto fail = [root](const FlatRange* has, const FlatRange* should) {
    return SelfCheckFailure{root, "the view of region " + std::to_string(root) + " shows " +
                                      Describe(has) + ", and rendered from scratch " +
                                      Describe(should)};
  };
  for (; !cursor.at_end() || index < expected.size(); ++cursor, ++index) {
    if (cursor.at_end()) return fail(nullptr, &expected[index]);
    const FlatRange range = *cursor;
    if (index == expected.size()) return fail(&range, nullptr);
    if (!(range == expected[index])) return fail(&range, &expected[index]);
  }
  if (view.size() == expected.size()) return std::nullopt;
  return SelfCheckFailure{root, "the view of region " + std::to_string(root) +
                                    " has another number of ranges than it says"};
}

// A commit that was refused must be one that can't be rendered.
Failure CheckRefusal(const Status& status, bool refused) {
  const bool judged =
      status.refusal == Refusal::kEndlessAlias || status.refusal == Refusal::kTooDeep;
  if (!judged || refused) return std::nullopt;
  return SelfCheckFailure{status.subject, "the engine refuses region " +
                                              std::to_string(status.subject) +
                                              ", which rendering from scratch takes"};
}

// A view must be another object only where it has other ranges.
Failure CheckIdentity(RegionId root, const ViewTable& views) {
  const FlatViewPtr& before = views.Present(root);
  const FlatViewPtr& after = views.Next(root);
  if (before == nullptr || before == after || before->size() != after->size()) return std::nullopt;
  FlatTree::Cursor other = after->begin();
  for (const FlatRange range : *before) {
    if (!(range == *other)) return std::nullopt;
    ++other;
  }
  return SelfCheckFailure{
      root, "the view of region " + std::to_string(root) + " was replaced by an equal one"};
}

}  // namespace

std::optional<SelfCheckFailure> CheckViews(const RegionTable& regions,
                                           const AddressSpaceTable& spaces, const ViewTable& views,
                                           const Status& status, const RenderBudget& budget) {
  ListedSubregions subregions(regions);
  ScratchRenderer renderer(regions, subregions);
  std::set<RegionId> checked;
  std::vector<FlatRange> expected;
  bool refused = false;
  for (const auto& [id, space] : spaces.spaces()) {
    const RegionId root = ResolveViewRoot(regions, subregions, space.root);
    if (status.ok() && root != space.next_view_root) {
      return SelfCheckFailure{root, "address space " + std::to_string(id) + " has view root " +
                                        std::to_string(space.next_view_root) + " instead of " +
                                        std::to_string(root)};
    }
    if (root == kNoRegion || !checked.insert(root).second) continue;
    RenderBudget left = budget;
    expected.clear();
    const Status scratch = renderer.Render(root, kAllAddresses, left, expected);
    refused = refused || !scratch.ok();
    if (!status.ok() || scratch.refusal == Refusal::kTooMuchWork) continue;
    if (!scratch.ok()) {
      return SelfCheckFailure{
          root, "the view of region " + std::to_string(root) + " can't be rendered from scratch"};
    }
    if (Failure failure = CompareRanges(root, *views.Next(root), expected)) return failure;
    if (Failure failure = CheckIdentity(root, views)) return failure;
  }
  return CheckRefusal(status, refused);
}

}  // namespace flatview::engine
