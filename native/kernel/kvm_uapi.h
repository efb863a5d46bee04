#pragma once

#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>

#include "kernel/ioctl.h"

// What this package uses of the kernel's interface to KVM (Linux: include/uapi/linux/kvm.h,
// Documentation/virt/kvm/api.rst). Our own, because the headers of a distribution are as old as it
// is: guest_memfd came with Linux 6.8. The layouts are for ever, as is every interface of Linux.
namespace flatview::kernel::kvm {

constexpr int kApiVersion = 12;

// KVM_SET_USER_MEMORY_REGION
struct UserMemoryRegion {
  uint32_t slot;  // the address space's id in the upper 16 bits
  uint32_t flags;
  uint64_t guest_address;
  uint64_t size;  // 0 deletes
  uint64_t host_address;
};
static_assert(sizeof(UserMemoryRegion) == 32);

// KVM_SET_USER_MEMORY_REGION2
struct UserMemoryRegion2 {
  UserMemoryRegion region;
  uint64_t guest_memfd_offset;
  uint32_t guest_memfd;
  uint32_t reserved1;
  uint64_t reserved2[14];
};
static_assert(sizeof(UserMemoryRegion2) == 160);

// KVM_CREATE_GUEST_MEMFD
struct CreateGuestMemfd {
  uint64_t size;
  uint64_t flags;
  uint64_t reserved[6];
};
static_assert(sizeof(CreateGuestMemfd) == 64);

// KVM_IOEVENTFD
struct IoEventFd {
  uint64_t data;
  uint64_t address;
  uint32_t size;
  int32_t fd;
  uint32_t flags;
  uint8_t reserved[36];
};
static_assert(sizeof(IoEventFd) == 64);

// KVM_(UN)REGISTER_COALESCED_MMIO
struct CoalescedZone {
  uint64_t address;
  uint32_t size;
  uint32_t is_port;
};
static_assert(sizeof(CoalescedZone) == 16);

// KVM_GET_DIRTY_LOG
struct DirtyLog {
  uint32_t slot;
  uint32_t reserved;
  void* bitmap;
};
static_assert(sizeof(DirtyLog) == 16);

// KVM_CLEAR_DIRTY_LOG
struct ClearDirtyLog {
  uint32_t slot;
  uint32_t page_count;
  uint64_t first_page;
  const void* bitmap;
};
static_assert(sizeof(ClearDirtyLog) == 24);

// KVM_ENABLE_CAP
struct EnableCapability {
  uint32_t capability;
  uint32_t flags;
  uint64_t arguments[4];
  uint8_t reserved[64];
};
static_assert(sizeof(EnableCapability) == 104);

// KVM_GET_REGS and KVM_GET_SREGS of x86-64. TypeScript knows what is where
// (lib/kvm/machine/registers.ts).
constexpr size_t kGeneralRegistersBytes = 144;
constexpr size_t kSpecialRegistersBytes = 312;

enum ExitReason : uint32_t { kExitIo = 2, kExitMmio = 6 };

// struct kvm_run: the first page of what a vCPU's descriptor maps. Much more of it is read in
// TypeScript (lib/kvm/machine/run-page.ts).
struct RunPage {
  uint8_t request_interrupt_window;
  uint8_t immediate_exit;
  uint8_t reserved[6];
  uint32_t exit_reason;
  uint8_t ready_for_interrupt_injection;
  uint8_t if_flag;
  uint16_t flags;
  uint64_t cr8;
  uint64_t apic_base;
  union {
    struct {
      uint64_t address;
      uint8_t data[8];
      uint32_t size;
      uint8_t is_write;
    } mmio;
    uint8_t exit[256];
  };
};
static_assert(offsetof(RunPage, mmio) == 32);

constexpr unsigned kType = 0xae;

// Of /dev/kvm.
constexpr Request kGetApiVersion = {"KVM_GET_API_VERSION", _IO(kType, 0x00)};
constexpr Request kCreateVm = {"KVM_CREATE_VM", _IO(kType, 0x01)};
constexpr Request kGetVcpuMmapSize = {"KVM_GET_VCPU_MMAP_SIZE", _IO(kType, 0x04)};
// Of /dev/kvm and of a VM.
constexpr Request kCheckExtension = {"KVM_CHECK_EXTENSION", _IO(kType, 0x03)};
// Of a VM.
constexpr Request kCreateVcpu = {"KVM_CREATE_VCPU", _IO(kType, 0x41)};
constexpr Request kGetDirtyLog = {"KVM_GET_DIRTY_LOG", _IOW(kType, 0x42, DirtyLog)};
constexpr Request kSetUserMemoryRegion = {"KVM_SET_USER_MEMORY_REGION",
                                          _IOW(kType, 0x46, UserMemoryRegion)};
constexpr Request kSetTssAddress = {"KVM_SET_TSS_ADDR", _IO(kType, 0x47)};
constexpr Request kSetUserMemoryRegion2 = {"KVM_SET_USER_MEMORY_REGION2",
                                           _IOW(kType, 0x49, UserMemoryRegion2)};
constexpr Request kRegisterCoalescedMmio = {"KVM_REGISTER_COALESCED_MMIO",
                                            _IOW(kType, 0x67, CoalescedZone)};
constexpr Request kUnregisterCoalescedMmio = {"KVM_UNREGISTER_COALESCED_MMIO",
                                              _IOW(kType, 0x68, CoalescedZone)};
constexpr Request kIoEventFd = {"KVM_IOEVENTFD", _IOW(kType, 0x79, IoEventFd)};
constexpr Request kEnableCap = {"KVM_ENABLE_CAP", _IOW(kType, 0xa3, EnableCapability)};
constexpr Request kClearDirtyLog = {"KVM_CLEAR_DIRTY_LOG", _IOWR(kType, 0xc0, ClearDirtyLog)};
constexpr Request kResetDirtyRings = {"KVM_RESET_DIRTY_RINGS", _IO(kType, 0xc7)};
constexpr Request kCreateGuestMemfd = {"KVM_CREATE_GUEST_MEMFD",
                                       _IOWR(kType, 0xd4, CreateGuestMemfd)};
// Of a vCPU.
constexpr Request kRun = {"KVM_RUN", _IO(kType, 0x80)};
constexpr Request kGetStatsFd = {"KVM_GET_STATS_FD", _IO(kType, 0xce)};
constexpr Request kGetRegs = {"KVM_GET_REGS", _IOR(kType, 0x81, uint8_t[kGeneralRegistersBytes])};
constexpr Request kSetRegs = {"KVM_SET_REGS", _IOW(kType, 0x82, uint8_t[kGeneralRegistersBytes])};
constexpr Request kGetSregs = {"KVM_GET_SREGS", _IOR(kType, 0x83, uint8_t[kSpecialRegistersBytes])};
constexpr Request kSetSregs = {"KVM_SET_SREGS", _IOW(kType, 0x84, uint8_t[kSpecialRegistersBytes])};

}  // namespace flatview::kernel::kvm
