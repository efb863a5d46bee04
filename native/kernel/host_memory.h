#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "kernel/file_descriptor.h"
#include "kernel/mapping.h"
#include "kernel/system_error.h"

namespace flatview::kernel {

// Memory of this process that a guest or a device uses as its own: mapped here, be it RAM or what a
// device shows of itself, or lent by whoever mapped it.
//
// Invariants: pages are committed when they are first touched. The bytes stay where they are until
// the object is destroyed, or Close() or Vacate() is called.
// Thread safety: none for the object; the bytes are as shared as their users make them.
class HostMemory {
 public:
  // Larger requests are refused by the caller; no kernel grants one.
  static constexpr uint64_t kMaxSize = uint64_t{1} << 62;

  struct Options {
    // Bytes; whole pages are mapped.
    uint64_t size;
    // Backed by a memfd, which other processes and the kernel's devices can map as well. It is
    // sealed against resizing, so that nobody can make an access here fault in this way.
    bool shared;
    // Bytes of a page from the hugetlb pool, a power of two; 0 for ordinary pages. The pages are
    // reserved at once: the kernel refuses here rather than when the guest touches them.
    uint64_t huge_page_size;
    // Asks the kernel to use transparent huge pages where it can. Only advice.
    bool transparent_huge_pages;
    // What /proc calls a memfd.
    std::string name;
  };

  // REQUIRES: size and huge_page_size <= kMaxSize, huge_page_size 0 or a power of two.
  [[nodiscard]] static std::variant<HostMemory, SystemError> Allocate(const Options& options);

  // Memory that somebody else mapped, and keeps mapped as long as this object lives. Refused with
  // ENOMEM unless something is mapped in all of it.
  //
  // REQUIRES: size <= kMaxSize, address + size <= 2^64.
  [[nodiscard]] static std::variant<HostMemory, SystemError> At(uint64_t address, uint64_t size);

  // A stretch of a device's file.
  struct DeviceArea {
    int fd;
    // Where it begins in the file, and how long it is: whole pages.
    uint64_t offset;
    uint64_t size;
    // Its addresses here lie `phase` above a multiple of `alignment`, as its addresses on the bus
    // do: then the kernel can map it by large pages.
    uint64_t alignment;
    uint64_t phase;
    bool is_readable;
    bool is_writable;
  };

  // What a device shows of itself. Accesses reach the device: each must have the width that is
  // meant (exact_access.h), and there is nothing to discard. While the device doesn't answer, they
  // fail.
  //
  // REQUIRES: offset, size, alignment and phase are whole pages, size > 0 and <= kMaxSize,
  // alignment a power of two <= kMaxSize, phase < alignment.
  [[nodiscard]] static std::variant<HostMemory, SystemError> OfDevice(const DeviceArea& area);

  // Bytes of an ordinary page of this processor.
  static uint64_t OrdinaryPageSize();

  // Empty after Close() and Vacate().
  std::span<std::byte> bytes() const { return bytes_; }
  // The memfd of shared memory, else FileDescriptor::kNone.
  int fd() const { return fd_.get(); }
  // Bytes of a page: what Discard() counts in, and what can be mapped at once.
  uint64_t page_size() const { return page_size_; }
  // Whether it was mapped here.
  bool owned() const { return mapping_.data() != nullptr; }
  // Whether OfDevice() made it.
  bool is_device() const { return is_device_; }
  // Whether there may be bytes behind which nothing is, now or later: accesses are to be those of
  // exact_access.h then, which survive that. Not so of pages that are only this process'.
  bool can_fail() const { return can_fail_; }

  // Gives whole pages back to the kernel; they read as zeros, and cost nothing until touched again.
  // Of shared memory for everyone who maps it.
  //
  // REQUIRES: owned(), not is_device(), offset and length multiples of page_size(), within bytes()
  // rounded up.
  [[nodiscard]] std::optional<SystemError> Discard(uint64_t offset, uint64_t length) const;

  // Unmaps what was mapped here and closes the memfd. The bytes must not be used any more.
  void Close();

  // The same while there may be users left: the memory goes at once, but its addresses stay taken
  // until this object is destroyed. Who still uses them finds zeros, and writes to nobody's memory.
  void Vacate();

 private:
  HostMemory(Mapping mapping, FileDescriptor fd, std::span<std::byte> bytes, uint64_t page_size,
             bool can_fail);

  Mapping mapping_;
  FileDescriptor fd_;
  std::span<std::byte> bytes_;
  uint64_t page_size_;
  bool can_fail_;
  bool is_device_ = false;
};

}  // namespace flatview::kernel
