#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "kernel/file_descriptor.h"
#include "kernel/host_memory.h"
#include "kernel/ioctl.h"
#include "kernel/iommufd.h"
#include "kernel/vfio_info.h"
#include "kernel/vfio_uapi.h"

namespace flatview::kernel::vfio {

// A device by its descriptor: of a group, or of /dev/vfio/devices/<name>, which is to be bound to
// an iommufd first. Each method is one system call, but that a region's place is asked for once.
//
// Thread safety: none; the kernel's own objects have any.
class Device {
 public:
  // Takes over a descriptor of VFIO_GROUP_GET_DEVICE_FD.
  explicit Device(FileDescriptor fd) : fd_(std::move(fd)) {}
  [[nodiscard]] static std::variant<Device, SystemError> Open(const std::string& path);

  [[nodiscard]] Failure Bind(const iommufd::Iommufd& iommufd) const;
  [[nodiscard]] Failure Attach(std::shared_ptr<const iommufd::Ioas> ioas);
  [[nodiscard]] Failure Detach();

  [[nodiscard]] std::variant<DeviceInfo, SystemError> GetInfo() const;
  [[nodiscard]] std::variant<Region, SystemError> GetRegionInfo(uint32_t index) const;
  [[nodiscard]] std::variant<IrqInfo, SystemError> GetIrqInfo(uint32_t index) const;

  // One pread or pwrite of `width` bytes, which are the value in little-endian order. EINVAL behind
  // the region's end; EIO where less was transferred.
  //
  // REQUIRES: IsAccessWidth(width).
  [[nodiscard]] std::variant<uint64_t, SystemError> Read(uint32_t region, uint64_t offset,
                                                         uint32_t width);
  [[nodiscard]] Failure Write(uint32_t region, uint64_t offset, uint64_t value, uint32_t width);

  // Maps whole pages of a region, as readable and writable as the region is. EINVAL unless they are
  // whole, and end no later than the region's last page.
  [[nodiscard]] std::variant<HostMemory, SystemError> Map(uint32_t region, uint64_t offset,
                                                          uint64_t size) const;

  // Has interrupts from `start` on signal eventfds, one at least; FileDescriptor::kNone leaves one
  // out.
  [[nodiscard]] Failure SetIrqEventFds(uint32_t index, uint32_t start,
                                       std::span<const int32_t> fds) const;
  // With no data. `action` is one of irq_set_flag::kAction*; triggering none takes all away.
  [[nodiscard]] Failure SetIrqs(uint32_t action, uint32_t index, uint32_t start,
                                uint32_t count) const;

  [[nodiscard]] Failure Reset() const;

 private:
  // Where a region lies in the device's file.
  struct Place {
    uint64_t offset;
    uint64_t size;
  };

  // Where `width` bytes at `offset` of a region lie in the file.
  std::variant<off_t, SystemError> Locate(const char* call, uint32_t region, uint64_t offset,
                                          uint32_t width);

  // Outlives the descriptor: what is attached can't be destroyed.
  std::shared_ptr<const iommufd::Ioas> ioas_;
  FileDescriptor fd_;
  std::map<uint32_t, Place> places_;
};

}  // namespace flatview::kernel::vfio
