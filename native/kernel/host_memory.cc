#include "kernel/host_memory.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <tuple>
#include <utility>

#include "kernel/bus_error.h"
#include "kernel/hex_list.h"

namespace flatview::kernel {
namespace {

// Guest memory starts at a multiple of this, so that the kernel can back it with huge pages and KVM
// can map it by them: both need addresses that agree in the low bits with the guest's.
constexpr uint64_t kHugeAlignment = uint64_t{2} << 20;

uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

// Where mmap and memfd_create look for the binary logarithm of the page size.
int HugeFlag(int flag, int shift, uint64_t huge_page_size) {
  if (huge_page_size == 0) return 0;
  return flag | std::countr_zero(huge_page_size) << shift;
}

// A memfd of `length` bytes that keeps that length for ever.
std::variant<FileDescriptor, SystemError> CreateFile(const HostMemory::Options& options,
                                                     uint64_t length) {
  const unsigned flags =
      MFD_CLOEXEC | MFD_ALLOW_SEALING |
      static_cast<unsigned>(HugeFlag(MFD_HUGETLB, MFD_HUGE_SHIFT, options.huge_page_size));
  FileDescriptor file(memfd_create(options.name.c_str(), flags));
  if (file.get() == FileDescriptor::kNone) {
    return SystemError::Last("memfd_create", ToString({{"length", length}, {"flags", flags}}));
  }
  if (ftruncate(file.get(), static_cast<off_t>(length)) != 0) {
    return SystemError::Last("ftruncate", ToString({{"length", length}, {"flags", flags}}));
  }
  constexpr int kSeals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) {
    return SystemError::Last("fcntl", ToString({{"F_ADD_SEALS", kSeals}, {"length", length}}));
  }
  return file;
}

// Memory from the hugetlb pool is reserved at once, all other memory only as it is touched.
int MapFlags(const HostMemory::Options& options) {
  const int sharing = options.shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  if (options.huge_page_size == 0) return sharing | MAP_NORESERVE;
  // A memfd brings its page size along.
  if (options.shared) return sharing;
  return sharing | HugeFlag(MAP_HUGETLB, MAP_HUGE_SHIFT, options.huge_page_size);
}

void Advise(const Mapping& mapping, const HostMemory::Options& options) {
  // A child process must not get a copy: after fork it is this process whose next write goes to a
  // new page, while devices go on using the old one.
  madvise(mapping.data(), mapping.length(), MADV_DONTFORK);
  if (!options.transparent_huge_pages || options.huge_page_size != 0) return;
  // Fails where the kernel has none, and does no harm.
  madvise(mapping.data(), mapping.length(), MADV_HUGEPAGE);
}

}  // namespace

HostMemory::HostMemory(Mapping mapping, FileDescriptor fd, std::span<std::byte> bytes,
                       uint64_t page_size, bool can_fail)
    : mapping_(std::move(mapping)),
      fd_(std::move(fd)),
      bytes_(bytes),
      page_size_(page_size),
      can_fail_(can_fail) {
  if (can_fail) SurviveBusErrors();
}

uint64_t HostMemory::OrdinaryPageSize() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

std::variant<HostMemory, SystemError> HostMemory::Allocate(const Options& options) {
  assert(options.size <= kMaxSize && options.huge_page_size <= kMaxSize);
  assert(options.huge_page_size == 0 || std::has_single_bit(options.huge_page_size));
  const uint64_t page_size = std::max(options.huge_page_size, OrdinaryPageSize());
  // Memory without bytes has an address too.
  const uint64_t length = RoundUp(std::max(options.size, uint64_t{1}), page_size);
  const uint64_t alignment =
      length < kHugeAlignment ? page_size : std::max(page_size, kHugeAlignment);

  FileDescriptor fd;
  if (options.shared) {
    auto file = CreateFile(options, length);
    if (auto* error = std::get_if<SystemError>(&file)) return std::move(*error);
    fd = std::move(*std::get_if<FileDescriptor>(&file));
  }
  auto reserved = Mapping::Reserve(length, alignment);
  if (auto* error = std::get_if<SystemError>(&reserved)) return std::move(*error);
  Mapping mapping = std::move(*std::get_if<Mapping>(&reserved));
  if (auto error = mapping.Place(MapFlags(options), fd.get())) return std::move(*error);
  Advise(mapping, options);
  const std::span<std::byte> bytes(mapping.data(), options.size);
  // Huge pages that were discarded may be somebody else's when they are touched again; and a hole
  // in a file is filled by who has room left.
  const bool can_fail = options.shared || options.huge_page_size != 0;
  return HostMemory(std::move(mapping), std::move(fd), bytes, page_size, can_fail);
}

std::variant<HostMemory, SystemError> HostMemory::At(uint64_t address, uint64_t size) {
  assert(size <= kMaxSize && (size == 0 || address <= UINT64_MAX - (size - 1)));
  const uint64_t page_size = OrdinaryPageSize();
  const uint64_t in_page = address % page_size;
  // Does nothing but look whether all of it is mapped (Linux: mm/msync.c).
  if (msync(reinterpret_cast<void*>(address - in_page), size + in_page, MS_ASYNC) != 0) {
    return SystemError::Last("msync", ToString({{"address", address}, {"length", size}}));
  }
  const std::span<std::byte> bytes(reinterpret_cast<std::byte*>(address), size);
  return HostMemory(Mapping(), FileDescriptor(), bytes, page_size, true);
}

std::variant<HostMemory, SystemError> HostMemory::OfDevice(const DeviceArea& area) {
  const uint64_t page_size = OrdinaryPageSize();
  assert(area.size > 0 && area.size <= kMaxSize && area.alignment <= kMaxSize);
  assert((area.offset | area.size | area.alignment | area.phase) % page_size == 0);
  auto reserved = Mapping::Reserve(area.size, area.alignment, area.phase);
  if (auto* error = std::get_if<SystemError>(&reserved)) return std::move(*error);
  Mapping mapping = std::move(*std::get_if<Mapping>(&reserved));
  const int protection =
      (area.is_readable ? PROT_READ : PROT_NONE) | (area.is_writable ? PROT_WRITE : PROT_NONE);
  if (auto error = mapping.Place(MAP_SHARED, area.fd, area.offset, protection)) {
    return std::move(*error);
  }
  // A child process must not keep the device open.
  madvise(mapping.data(), mapping.length(), MADV_DONTFORK);
  const std::span<std::byte> bytes(mapping.data(), area.size);
  HostMemory memory(std::move(mapping), FileDescriptor(), bytes, page_size, true);
  memory.is_device_ = true;
  return memory;
}

std::optional<SystemError> HostMemory::Discard(uint64_t offset, uint64_t length) const {
  assert(owned() && !is_device() && offset % page_size_ == 0 && length % page_size_ == 0);
  assert(length <= mapping_.length() && offset <= mapping_.length() - length);
  if (length == 0) return std::nullopt;  // fallocate calls that an error
  if (fd() == FileDescriptor::kNone) {
    if (madvise(mapping_.data() + offset, length, MADV_DONTNEED) == 0) return std::nullopt;
    return SystemError::Last("madvise",
                             ToString({{"MADV_DONTNEED offset", offset}, {"length", length}}));
  }
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  const auto start = static_cast<off_t>(offset);
  if (fallocate(fd(), kPunch, start, static_cast<off_t>(length)) == 0) return std::nullopt;
  return SystemError::Last("fallocate",
                           ToString({{"PUNCH_HOLE offset", offset}, {"length", length}}));
}

void HostMemory::Close() {
  bytes_ = {};
  mapping_ = Mapping();
  fd_ = FileDescriptor();
}

void HostMemory::Vacate() {
  bytes_ = {};
  fd_ = FileDescriptor();
  if (!owned()) return;
  // Should this fail, the old pages stay until the end: as safe, only dearer.
  std::ignore = mapping_.Place(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, FileDescriptor::kNone);
}

}  // namespace flatview::kernel
