#include "binding/direct_memory.h"

#include <cstring>
#include <mutex>
#include <optional>
#include <utility>

#include "engine/flat_range.h"
#include "kernel/exact_access.h"

namespace flatview::binding {
namespace {

namespace attribute = engine::range_attribute;

// x86 lets a device's memory be accessed at any alignment; others fault.
#if defined(__x86_64__)
constexpr bool kUnalignedDevices = true;
#else
constexpr bool kUnalignedDevices = false;
#endif

void SetAnswer(kernel::kvm::RunPage& page, uint64_t value) {
  std::memcpy(page.mmio.data, &value, sizeof(value));
}

uint64_t WrittenValue(const kernel::kvm::RunPage& page) {
  uint64_t value = 0;
  std::memcpy(&value, page.mmio.data, sizeof(value));
  return value;
}

}  // namespace

void DirectMemory::Add(engine::RegionId region, DirectKind kind, MemoryLoan loan) {
  const std::lock_guard lock(mutex_);
  regions_.insert_or_assign(region, Bytes{kind, std::move(loan)});
}

void DirectMemory::Remove(engine::RegionId region) {
  const std::lock_guard lock(mutex_);
  regions_.erase(region);
}

bool DirectMemoryReader::Answer(kernel::kvm::RunPage& page) {
  const auto& access = page.mmio;
  if (page.exit_reason != kernel::kvm::kExitMmio) return false;
  if (!kernel::IsAccessWidth(access.size)) return false;

  const std::shared_lock lock(memory_->mutex_);
  const engine::FlatRange range = reader_.At(access.address);
  const bool is_whole = access.size - 1 <= range.last - access.address;
  if (!is_whole || reader_.end() != engine::ViewChannel::End::kNone) return false;
  if (range.region == engine::kNoRegion) {
    if (access.is_write == 0) SetAnswer(page, 0);
    Count(AnsweredBy::kNobody);
    return true;
  }
  return AnswerIn(range, page);
}

bool DirectMemoryReader::AnswerIn(const engine::FlatRange& range, kernel::kvm::RunPage& page) {
  const auto found = memory_->regions_.find(range.region);
  if (found == memory_->regions_.end()) return false;
  const auto& access = page.mmio;
  const DirectKind kind = found->second.kind;
  const std::span<std::byte> bytes = found->second.loan.bytes();
  const uint64_t offset = range.offset + (access.address - range.first);
  if (offset > bytes.size() || access.size > bytes.size() - offset) return false;
  std::byte* const at = bytes.data() + offset;
  const bool is_possible = kUnalignedDevices || offset % access.size == 0;
  if (kind == DirectKind::kDevice && !is_possible) return false;

  if (access.is_write == 0) {
    if (kind == DirectKind::kRomDevice && (range.attributes & attribute::kRomd) == 0) return false;
    const std::optional<uint64_t> value = kernel::Load(at, access.size);
    SetAnswer(page, value.value_or(UINT64_MAX));
    Count(value.has_value() ? AnsweredBy::kMemory : AnsweredBy::kFailedMemory);
    return true;
  }
  if (kind == DirectKind::kRomDevice) return false;
  const bool is_readonly = (range.attributes & attribute::kReadonly) != 0;
  if (!is_readonly && (range.attributes & attribute::kDirtyLogMask) != 0) return false;
  const bool taken = is_readonly || kernel::Store(at, access.size, WrittenValue(page));
  Count(taken ? AnsweredBy::kMemory : AnsweredBy::kFailedMemory);
  return true;
}

}  // namespace flatview::binding
