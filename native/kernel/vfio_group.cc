#include "kernel/vfio_group.h"

#include <fcntl.h>

#include "kernel/vfio_uapi.h"

namespace flatview::kernel::vfio {

std::variant<Group, SystemError> Group::Open(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (fd.get() == FileDescriptor::kNone) return SystemError::Last("open", path);
  return Group(std::move(fd));
}

std::variant<Group::Status, SystemError> Group::GetStatus() const {
  GroupStatus argument = {.argsz = sizeof(argument), .flags = 0};
  if (auto failure = AsFailure(Ioctl(fd_, kGroupGetStatus, &argument, {}))) {
    return std::move(*failure);
  }
  return Status{.is_viable = (argument.flags & group_flag::kViable) != 0,
                .is_container_set = (argument.flags & group_flag::kContainerSet) != 0};
}

Failure Group::SetContainer(const Container& container) const {
  int fd = container.fd();
  return AsFailure(Ioctl(fd_, kGroupSetContainer, &fd, {{"container", static_cast<uint32_t>(fd)}}));
}

Failure Group::UnsetContainer() const {
  return AsFailure(Ioctl(fd_, kGroupUnsetContainer, uint64_t{0}, {}));
}

std::variant<Device, SystemError> Group::OpenDevice(const std::string& name) const {
  std::string argument = name;
  NewDescriptor device = AsDescriptor(Ioctl(fd_, kGroupGetDeviceFd, argument.data(), {}));
  if (auto* error = std::get_if<SystemError>(&device)) {
    return SystemError{error->call, name, error->number};
  }
  return Device(std::move(*std::get_if<FileDescriptor>(&device)));
}

}  // namespace flatview::kernel::vfio
