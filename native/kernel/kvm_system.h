#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "kernel/file_descriptor.h"
#include "kernel/ioctl.h"
#include "kernel/kvm_vm.h"

namespace flatview::kernel::kvm {

// /dev/kvm: what the kernel can do, and where VMs come from.
//
// Thread safety: any.
class System {
 public:
  // Refused also if `path` is something else than KVM, or speaks another version than 12 (which
  // none does since Linux 2.6.22): ENOTTY and EPROTO.
  [[nodiscard]] static std::variant<System, SystemError> Open(const std::string& path);

  [[nodiscard]] Answer CheckExtension(uint32_t capability) const;

  // Bytes of what a vCPU's descriptor maps, without a dirty ring.
  size_t vcpu_mapping_bytes() const { return vcpu_mapping_bytes_; }

  // `type` is 0, or says something to some processors (KVM_CREATE_VM).
  [[nodiscard]] std::variant<Vm, SystemError> CreateVm(uint64_t type) const;

  // A VM of this process by its descriptor, which stays the caller's.
  [[nodiscard]] std::variant<Vm, SystemError> VmAt(int fd) const;

 private:
  System(FileDescriptor fd, size_t vcpu_mapping_bytes)
      : fd_(std::move(fd)), vcpu_mapping_bytes_(vcpu_mapping_bytes) {}

  FileDescriptor fd_;
  size_t vcpu_mapping_bytes_;
};

}  // namespace flatview::kernel::kvm
