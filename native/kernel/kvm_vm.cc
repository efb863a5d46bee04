#include "kernel/kvm_vm.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "kernel/host_memory.h"

namespace flatview::kernel::kvm {
namespace {

constexpr size_t kBitsPerByte = 8;
constexpr size_t kBitsPerWord = 64;

}  // namespace

size_t DirtyBitmapBytes(uint64_t pages) {
  return (pages + kBitsPerWord - 1) / kBitsPerWord * (kBitsPerWord / kBitsPerByte);
}

Failure Vm::RefuseOthers() const {
  // Takes away what can't be there: a VM complains of the eventfd. /dev/kvm and vCPUs don't know
  // the request, and call that EINVAL.
  constexpr uint32_t kDeassign = 4;  // KVM_IOEVENTFD_FLAG_DEASSIGN
  Failure failure = SetIoEventFd({.data = 0,
                                  .address = 0,
                                  .size = 4,
                                  .fd = FileDescriptor::kNone,
                                  .flags = kDeassign,
                                  .reserved = {}});
  if (failure && failure->number == EBADF) return std::nullopt;
  return SystemError{kIoEventFd.name, "", ENOTTY};
}

Answer Vm::CheckExtension(uint32_t capability) const {
  return Ioctl(fd_, kCheckExtension, uint64_t{capability}, {{"capability", capability}});
}

Failure Vm::EnableCapability(uint32_t capability, uint64_t argument) const {
  kvm::EnableCapability enable = {
      .capability = capability, .flags = 0, .arguments = {argument}, .reserved = {}};
  return AsFailure(Ioctl(fd_, kEnableCap, &enable, {{"cap", capability}, {"args[0]", argument}}));
}

Failure Vm::SetUserMemoryRegion(const UserMemoryRegion& region) {
  UserMemoryRegion argument = region;
  Failure failure = AsFailure(Ioctl(fd_, kSetUserMemoryRegion, &argument,
                                    {{"slot", region.slot},
                                     {"flags", region.flags},
                                     {"guest_phys_addr", region.guest_address},
                                     {"memory_size", region.size},
                                     {"userspace_addr", region.host_address}}));
  if (!failure) Remember(region);
  return failure;
}

Failure Vm::SetUserMemoryRegion2(const UserMemoryRegion& region, uint32_t guest_memfd,
                                 uint64_t guest_memfd_offset) {
  UserMemoryRegion2 argument = {.region = region,
                                .guest_memfd_offset = guest_memfd_offset,
                                .guest_memfd = guest_memfd,
                                .reserved1 = 0,
                                .reserved2 = {}};
  Failure failure = AsFailure(Ioctl(fd_, kSetUserMemoryRegion2, &argument,
                                    {{"slot", region.slot},
                                     {"flags", region.flags},
                                     {"guest_phys_addr", region.guest_address},
                                     {"memory_size", region.size},
                                     {"userspace_addr", region.host_address},
                                     {"guest_memfd_offset", guest_memfd_offset},
                                     {"guest_memfd", guest_memfd}}));
  if (!failure) Remember(region);
  return failure;
}

void Vm::Remember(const UserMemoryRegion& region) {
  if (region.size == 0) {
    slot_sizes_.erase(region.slot);
  } else {
    slot_sizes_[region.slot] = region.size;
  }
}

Answer Vm::CreateGuestMemfd(uint64_t size, uint64_t flags) const {
  kvm::CreateGuestMemfd argument = {.size = size, .flags = flags, .reserved = {}};
  return Ioctl(fd_, kCreateGuestMemfd, &argument, {{"size", size}, {"flags", flags}});
}

Failure Vm::SetIoEventFd(const IoEventFd& ioeventfd) const {
  IoEventFd argument = ioeventfd;
  return AsFailure(Ioctl(fd_, kIoEventFd, &argument,
                         {{"addr", ioeventfd.address},
                          {"len", ioeventfd.size},
                          {"datamatch", ioeventfd.data},
                          {"fd", static_cast<uint32_t>(ioeventfd.fd)},
                          {"flags", ioeventfd.flags}}));
}

Failure Vm::RegisterCoalescedMmio(const CoalescedZone& zone) const {
  CoalescedZone argument = zone;
  return AsFailure(Ioctl(fd_, kRegisterCoalescedMmio, &argument,
                         {{"addr", zone.address}, {"size", zone.size}, {"pio", zone.is_port}}));
}

Failure Vm::UnregisterCoalescedMmio(const CoalescedZone& zone) const {
  CoalescedZone argument = zone;
  return AsFailure(Ioctl(fd_, kUnregisterCoalescedMmio, &argument,
                         {{"addr", zone.address}, {"size", zone.size}, {"pio", zone.is_port}}));
}

std::optional<size_t> Vm::DirtyBitmapBytes(uint32_t slot) const {
  const auto found = slot_sizes_.find(slot);
  if (found == slot_sizes_.end()) return std::nullopt;
  return kvm::DirtyBitmapBytes(found->second / HostMemory::OrdinaryPageSize());
}

SystemError Vm::RefuseDirtyLog(uint32_t slot) const {
  // Clearing no page changes nothing, and is refused for the same reasons.
  const Failure failure = ClearDirtyLog(slot, 0, 0, {});
  return {kGetDirtyLog.name, ToString({{"slot", slot}}), failure ? failure->number : ENOENT};
}

Failure Vm::GetDirtyLog(uint32_t slot, std::span<std::byte> bitmap) const {
  assert(DirtyBitmapBytes(slot).value_or(SIZE_MAX) <= bitmap.size());
  DirtyLog argument = {.slot = slot, .reserved = 0, .bitmap = bitmap.data()};
  return AsFailure(Ioctl(fd_, kGetDirtyLog, &argument, {{"slot", slot}}));
}

Failure Vm::ClearDirtyLog(uint32_t slot, uint64_t first_page, uint32_t page_count,
                          std::span<const std::byte> bitmap) const {
  assert(kvm::DirtyBitmapBytes(page_count) <= bitmap.size());
  kvm::ClearDirtyLog argument = {
      .slot = slot, .page_count = page_count, .first_page = first_page, .bitmap = bitmap.data()};
  return AsFailure(Ioctl(fd_, kClearDirtyLog, &argument,
                         {{"slot", slot}, {"first_page", first_page}, {"num_pages", page_count}}));
}

Answer Vm::ResetDirtyRings() const { return Ioctl(fd_, kResetDirtyRings, uint64_t{0}, {}); }

Failure Vm::SetTssAddress(uint64_t address) const {
  return AsFailure(Ioctl(fd_, kSetTssAddress, address, {{"address", address}}));
}

std::variant<Vcpu, SystemError> Vm::CreateVcpu(uint32_t id, uint32_t dirty_ring_bytes) const {
  NewDescriptor vcpu = AsDescriptor(Ioctl(fd_, kCreateVcpu, uint64_t{id}, {{"id", id}}));
  if (auto* error = std::get_if<SystemError>(&vcpu)) return std::move(*error);
  FileDescriptor fd = std::move(*std::get_if<FileDescriptor>(&vcpu));
  return Vcpu::Over(std::move(fd), vcpu_mapping_bytes_, dirty_ring_bytes);
}

}  // namespace flatview::kernel::kvm
