#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace flatview::engine {

// A value for each of some ids, found by an index and not by a hash. Values lie on pages, of which
// only those with a used value exist: ids may be sparse.
//
// Thread safety: none; one thread at a time.
//
// Invariants: a value that is not in use equals T().
template <typename T>
class PagedTable {
 public:
  // Returns the value of `id`, or null if it is not in use.
  const T* Find(uint32_t id) const {
    const size_t page = id >> kPageBits;
    if (page >= pages_.size() || pages_[page] == nullptr) return nullptr;
    return pages_[page]->used[id & kPageMask] ? &pages_[page]->values[id & kPageMask] : nullptr;
  }
  T* Find(uint32_t id) { return const_cast<T*>(std::as_const(*this).Find(id)); }

  // REQUIRES: the value is in use.
  T& operator[](uint32_t id) { return pages_[id >> kPageBits]->values[id & kPageMask]; }
  const T& operator[](uint32_t id) const { return pages_[id >> kPageBits]->values[id & kPageMask]; }

  // Returns the value of `id`, which is in use from now on.
  T& Use(uint32_t id) {
    const size_t index = id >> kPageBits;
    if (index >= pages_.size()) pages_.resize(index + 1);
    if (pages_[index] == nullptr) pages_[index] = MakePage();
    Page& page = *pages_[index];
    if (!page.used[id & kPageMask]) ++page.count;
    page.used.set(id & kPageMask);
    return page.values[id & kPageMask];
  }

  // Has the value of `id` no longer in use, if it was.
  void Drop(uint32_t id) {
    if (Find(id) == nullptr) return;
    std::unique_ptr<Page>& page = pages_[id >> kPageBits];
    page->used.reset(id & kPageMask);
    page->values[id & kPageMask] = T();
    if (--page->count == 0) FreePage(std::move(page));
  }

 private:
  static constexpr uint32_t kPageBits = 8;
  static constexpr uint32_t kPageMask = (1u << kPageBits) - 1;

  static constexpr size_t kMaxSpares = 4;

  struct Page {
    std::array<T, 1u << kPageBits> values{};
    std::bitset<1u << kPageBits> used;
    uint32_t count = 0;
  };

  std::unique_ptr<Page> MakePage() {
    if (spares_.empty()) return std::make_unique<Page>();
    std::unique_ptr<Page> page = std::move(spares_.back());
    spares_.pop_back();
    return page;
  }

  void FreePage(std::unique_ptr<Page> page) {
    if (spares_.size() < kMaxSpares) spares_.push_back(std::move(page));
  }

  std::vector<std::unique_ptr<Page>> pages_;
  // Empty pages, so that a value which comes and goes doesn't cost a page each time.
  std::vector<std::unique_ptr<Page>> spares_;
};

}  // namespace flatview::engine
