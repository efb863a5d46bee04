#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <variant>

#include "kernel/file_descriptor.h"
#include "kernel/ioctl.h"
#include "kernel/kvm_uapi.h"
#include "kernel/kvm_vcpu.h"
#include "kernel/system_error.h"

namespace flatview::kernel::kvm {

// Bytes of a bitmap of so many pages: whole words of 64 bits.
size_t DirtyBitmapBytes(uint64_t pages);

// A VM: its memory slots, and what is attached to addresses. Each method is one ioctl, named by it
// in Documentation/virt/kvm/api.rst.
//
// Thread safety: none; the kernel's own objects have any.
class Vm {
 public:
  Vm(FileDescriptor fd, size_t vcpu_mapping_bytes)
      : fd_(std::move(fd)), vcpu_mapping_bytes_(vcpu_mapping_bytes) {}

  int fd() const { return fd_.get(); }

  // Refuses a descriptor that is no VM's: ENOTTY.
  [[nodiscard]] Failure RefuseOthers() const;

  [[nodiscard]] Answer CheckExtension(uint32_t capability) const;
  [[nodiscard]] Failure EnableCapability(uint32_t capability, uint64_t argument) const;

  // A region of size 0 deletes the slot.
  [[nodiscard]] Failure SetUserMemoryRegion(const UserMemoryRegion& region);
  [[nodiscard]] Failure SetUserMemoryRegion2(const UserMemoryRegion& region, uint32_t guest_memfd,
                                             uint64_t guest_memfd_offset);
  // The descriptor is the caller's, who passes it on as a number.
  [[nodiscard]] Answer CreateGuestMemfd(uint64_t size, uint64_t flags) const;

  [[nodiscard]] Failure SetIoEventFd(const IoEventFd& ioeventfd) const;
  [[nodiscard]] Failure RegisterCoalescedMmio(const CoalescedZone& zone) const;
  [[nodiscard]] Failure UnregisterCoalescedMmio(const CoalescedZone& zone) const;

  // Bytes of the dirty bitmap of a slot that was set here; none of another.
  std::optional<size_t> DirtyBitmapBytes(uint32_t slot) const;
  // Why GetDirtyLog can't be asked of a slot that was not set here: as the kernel would say, and
  // ENOENT where somebody else set it.
  SystemError RefuseDirtyLog(uint32_t slot) const;
  // REQUIRES: `bitmap` has DirtyBitmapBytes(slot).
  [[nodiscard]] Failure GetDirtyLog(uint32_t slot, std::span<std::byte> bitmap) const;
  // REQUIRES: `bitmap` has kvm::DirtyBitmapBytes(page_count).
  [[nodiscard]] Failure ClearDirtyLog(uint32_t slot, uint64_t first_page, uint32_t page_count,
                                      std::span<const std::byte> bitmap) const;
  // How many entries of dirty rings were given back.
  [[nodiscard]] Answer ResetDirtyRings() const;

  // Where KVM may put three pages of its own (Intel).
  [[nodiscard]] Failure SetTssAddress(uint64_t address) const;

  // `dirty_ring_bytes` as enabled by KVM_CAP_DIRTY_LOG_RING, else 0.
  [[nodiscard]] std::variant<Vcpu, SystemError> CreateVcpu(uint32_t id,
                                                           uint32_t dirty_ring_bytes) const;

 private:
  void Remember(const UserMemoryRegion& region);

  FileDescriptor fd_;
  size_t vcpu_mapping_bytes_;
  // Sizes of the slots: how much the kernel writes when it is asked what is dirty.
  std::unordered_map<uint32_t, uint64_t> slot_sizes_;
};

}  // namespace flatview::kernel::kvm
