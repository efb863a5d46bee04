#include "engine/change_stream.h"

#include "engine/flat_view_diff.h"

namespace flatview::engine {
namespace {

constexpr size_t kEntryWords = 4;

constexpr uint32_t kDelete = 0;
constexpr uint32_t kAdd = 1;
constexpr uint32_t kKeep = 2;
constexpr uint32_t kKindShift = 24;
constexpr uint32_t kOldMaskShift = 16;

uint64_t Pair(uint64_t low, uint64_t high) { return low | high << 32; }

uint32_t DirtyLogMask(const FlatRange& range) {
  return (range.attributes & range_attribute::kDirtyLogMask) >> range_attribute::kDirtyLogMaskShift;
}

void AppendEntry(const FlatRange& range, uint32_t kind, uint32_t old_mask,
                 std::vector<uint64_t>& words) {
  const uint32_t attributes = range.attributes | old_mask << kOldMaskShift | kind << kKindShift;
  words.insert(words.end(),
               {range.first, range.last, range.offset, Pair(range.region, attributes)});
}

}  // namespace

// The number of entries is filled in when it is known.
void ChangeStream::AppendHeader(std::span<const AddressSpaceId> spaces) {
  words_.push_back(spaces.size());
  for (size_t i = 0; i < spaces.size(); i += 2) {
    words_.push_back(Pair(spaces[i], i + 1 < spaces.size() ? spaces[i + 1] : 0));
  }
}

void ChangeStream::AddGroup(std::span<const AddressSpaceId> spaces, const Comparison& comparison,
                            const RegionTable& regions) {
  const size_t header = words_.size();
  AppendHeader(spaces);
  const size_t entries = words_.size();

  adds_and_keeps_.clear();
  const auto on_delete = [this](const FlatRange& range) { AppendEntry(range, kDelete, 0, words_); };
  const auto on_add = [this](const FlatRange& range) {
    AppendEntry(range, kAdd, 0, adds_and_keeps_);
  };
  const auto on_keep = [&](const FlatRange& old_range, const FlatRange& range) {
    const uint32_t old_mask = DirtyLogMask(old_range);
    if (comparison.all_kept || old_mask != DirtyLogMask(range) || regions.IsTouched(range.region)) {
      AppendEntry(range, kKeep, old_mask, adds_and_keeps_);
    }
  };
  for (const AddressRange& window : comparison.windows) {
    DiffFlatViews(comparison.before, comparison.after, window, on_delete, on_add, on_keep);
  }
  words_.insert(words_.end(), adds_and_keeps_.begin(), adds_and_keeps_.end());

  const size_t count = (words_.size() - entries) / kEntryWords;
  words_[header] = Pair(words_[header], count);
  if (count == 0) words_.resize(header);
}

}  // namespace flatview::engine
