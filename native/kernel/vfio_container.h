#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "kernel/dma_mapping.h"
#include "kernel/file_descriptor.h"
#include "kernel/ioctl.h"
#include "kernel/vfio_info.h"

namespace flatview::kernel::vfio {

// A bit for each page of a range of IOVAs, the first in the lowest bit of the first word.
struct DirtyBitmap {
  // A power of two.
  uint64_t page_size;
  // Whole words of 64 bits, as many as the range needs.
  std::span<std::byte> bytes;

  // Bytes that a range of `size` needs.
  static uint64_t BytesFor(uint64_t size, uint64_t page_size);
};

// /dev/vfio/vfio: groups that share an IOMMU address space. Each method is one ioctl.
//
// Thread safety: any. The kernel makes most calls wait while it pins pages for another.
class Container {
 public:
  [[nodiscard]] static std::variant<Container, SystemError> Open(const std::string& path);

  int fd() const { return fd_.get(); }

  [[nodiscard]] Answer ApiVersion() const;
  [[nodiscard]] Answer CheckExtension(uint32_t extension) const;
  [[nodiscard]] Failure SetIommu(uint32_t type) const;
  [[nodiscard]] std::variant<Iommu, SystemError> IommuInfo() const;

  [[nodiscard]] Failure MapDma(const DmaMapping& mapping) const;
  // Bytes that were unmapped.
  [[nodiscard]] std::variant<uint64_t, SystemError> UnmapDma(uint64_t iova, uint64_t size) const;
  // REQUIRES: `dirty` has the bytes for `size`.
  [[nodiscard]] std::variant<uint64_t, SystemError> UnmapDma(uint64_t iova, uint64_t size,
                                                             const DirtyBitmap& dirty) const;
  [[nodiscard]] std::variant<uint64_t, SystemError> UnmapAll() const;

  [[nodiscard]] Failure SetDirtyTracking(bool on) const;
  // REQUIRES: `dirty` has the bytes for `size`.
  [[nodiscard]] Failure GetDirtyBitmap(uint64_t iova, uint64_t size,
                                       const DirtyBitmap& dirty) const;

 private:
  explicit Container(FileDescriptor fd) : fd_(std::move(fd)) {}

  FileDescriptor fd_;
};

}  // namespace flatview::kernel::vfio
