#pragma once

#include <string>
#include <utility>
#include <variant>

#include "kernel/file_descriptor.h"
#include "kernel/ioctl.h"
#include "kernel/vfio_container.h"
#include "kernel/vfio_device.h"

namespace flatview::kernel::vfio {

// /dev/vfio/<group>: devices that the IOMMU can't tell apart. Each method is one ioctl.
//
// Thread safety: any.
class Group {
 public:
  struct Status {
    bool is_viable;
    bool is_container_set;
  };

  [[nodiscard]] static std::variant<Group, SystemError> Open(const std::string& path);

  [[nodiscard]] std::variant<Status, SystemError> GetStatus() const;
  [[nodiscard]] Failure SetContainer(const Container& container) const;
  [[nodiscard]] Failure UnsetContainer() const;
  // `name` as sysfs calls it.
  [[nodiscard]] std::variant<Device, SystemError> OpenDevice(const std::string& name) const;

 private:
  explicit Group(FileDescriptor fd) : fd_(std::move(fd)) {}

  FileDescriptor fd_;
};

}  // namespace flatview::kernel::vfio
