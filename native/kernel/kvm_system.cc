#include "kernel/kvm_system.h"

#include <fcntl.h>

#include <utility>

namespace flatview::kernel::kvm {

std::variant<System, SystemError> System::Open(const std::string& path) {
  FileDescriptor fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (fd.get() == FileDescriptor::kNone) return SystemError::Last("open", path);

  const Answer version = Ioctl(fd, kGetApiVersion, uint64_t{0}, {});
  if (const auto* error = std::get_if<SystemError>(&version)) return *error;
  if (*std::get_if<int>(&version) != kApiVersion) {
    return SystemError{kGetApiVersion.name, "", EPROTO};
  }
  const Answer bytes = Ioctl(fd, kGetVcpuMmapSize, uint64_t{0}, {});
  if (const auto* error = std::get_if<SystemError>(&bytes)) return *error;
  return System(std::move(fd), static_cast<size_t>(*std::get_if<int>(&bytes)));
}

Answer System::CheckExtension(uint32_t capability) const {
  return Ioctl(fd_, kCheckExtension, uint64_t{capability}, {{"capability", capability}});
}

std::variant<Vm, SystemError> System::CreateVm(uint64_t type) const {
  NewDescriptor vm = AsDescriptor(Ioctl(fd_, kCreateVm, type, {{"type", type}}));
  if (auto* error = std::get_if<SystemError>(&vm)) return std::move(*error);
  return Vm(std::move(*std::get_if<FileDescriptor>(&vm)), vcpu_mapping_bytes_);
}

std::variant<Vm, SystemError> System::VmAt(int fd) const {
  FileDescriptor own(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (own.get() == FileDescriptor::kNone) {
    return SystemError::Last("fcntl",
                             ToString({{"F_DUPFD_CLOEXEC fd", static_cast<uint32_t>(fd)}}));
  }
  Vm vm(std::move(own), vcpu_mapping_bytes_);
  if (auto error = vm.RefuseOthers()) return std::move(*error);
  return vm;
}

}  // namespace flatview::kernel::kvm
