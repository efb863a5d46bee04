#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/dma_mapping.h"
#include "kernel/file_descriptor.h"
#include "kernel/ioctl.h"
#include "kernel/iommufd_uapi.h"

namespace flatview::kernel::iommufd {

// /dev/iommu.
//
// Thread safety: any.
class Iommufd {
 public:
  [[nodiscard]] static std::variant<Iommufd, SystemError> Open(const std::string& path);

  const FileDescriptor& descriptor() const { return fd_; }

 private:
  explicit Iommufd(FileDescriptor fd) : fd_(std::move(fd)) {}

  FileDescriptor fd_;
};

// An IO address space. Destroyed with this object; keeps its iommufd open. While a device is
// attached the kernel keeps the address space, until the iommufd is closed: so whoever attaches
// one shares this object.
//
// Thread safety: any.
class Ioas {
 public:
  struct Limits {
    std::vector<IovaRange> ranges;
    uint64_t alignment;
  };

  [[nodiscard]] static std::variant<std::shared_ptr<Ioas>, SystemError> Allocate(
      std::shared_ptr<const Iommufd> iommufd);
  Ioas(const Ioas&) = delete;
  Ioas& operator=(const Ioas&) = delete;
  ~Ioas();

  uint32_t id() const { return id_; }

  [[nodiscard]] std::variant<Limits, SystemError> IovaRanges() const;
  [[nodiscard]] Failure MapDma(const DmaMapping& mapping) const;
  // Bytes that were unmapped.
  [[nodiscard]] std::variant<uint64_t, SystemError> UnmapDma(uint64_t iova, uint64_t size) const;
  [[nodiscard]] std::variant<uint64_t, SystemError> UnmapAll() const;

 private:
  Ioas(std::shared_ptr<const Iommufd> iommufd, uint32_t id)
      : iommufd_(std::move(iommufd)), id_(id) {}

  const FileDescriptor& fd() const { return iommufd_->descriptor(); }

  const std::shared_ptr<const Iommufd> iommufd_;
  const uint32_t id_;
};

}  // namespace flatview::kernel::iommufd
