import type { AddressLike } from '../address.js';
import type { FlatviewError } from '../errors.js';
import { type Causes, ioctlError, refusedCall } from '../native/ioctl-error.js';
import type { SystemCallFailure } from '../native/system-call.js';

/** The ioctls of a VM's file descriptor that {@link KvmVm} makes. */
export type KvmVmIoctl =
  | 'KVM_CHECK_EXTENSION'
  | 'KVM_ENABLE_CAP'
  | 'KVM_SET_USER_MEMORY_REGION'
  | 'KVM_SET_USER_MEMORY_REGION2'
  | 'KVM_IOEVENTFD'
  | 'KVM_REGISTER_COALESCED_MMIO'
  | 'KVM_UNREGISTER_COALESCED_MMIO'
  | 'KVM_GET_DIRTY_LOG'
  | 'KVM_CLEAR_DIRTY_LOG';

/**
 * The error of an ioctl that the kernel refused: `ERR_SYSTEM_CALL`, with `errno` and `syscall`.
 *
 * @param args The arguments that matter, in the kernel's names.
 * @param errno Name of the kernel's error, such as `EINVAL`.
 *
 * @example
 * ```ts
 * import { kvmIoctlError, type KvmVmIoctl } from 'flatview/kvm';
 *
 * const ioctl: KvmVmIoctl = 'KVM_SET_USER_MEMORY_REGION';
 * const error = kvmIoctlError(ioctl, { slot: 3, guest_phys_addr: 0xfeb0_0000n }, 'EEXIST');
 * error.syscall; // => 'KVM_SET_USER_MEMORY_REGION(slot 0x3, guest_phys_addr 0xfeb00000)'
 * error.errno; // => 'EEXIST'
 * error.message.split(': ')[1]; // => 'it overlaps another slot of the same address space'
 * ```
 */
export function kvmIoctlError(
  ioctl: KvmVmIoctl,
  args: Readonly<Record<string, AddressLike>>,
  errno: string,
): FlatviewError {
  return ioctlError({ call: ioctl, args, errno }, causes, anyIoctl);
}

/** The error of what the kernel refused to the addon. */
export function kvmRefusal(failure: SystemCallFailure): FlatviewError {
  return ioctlError(refusedCall(failure), causes, anyIoctl);
}

const slotCauses: Causes = {
  EINVAL:
    'an address or size is not whole pages, the range is beyond what the processor can address, the slot or address space does not exist, or a slot changes what cannot be changed (size, host address, read-only)',
  EEXIST: 'it overlaps another slot of the same address space',
  EFAULT: 'the range is beyond what guests can address',
  ENOMEM: 'the kernel has no memory for its tables; a large slot with a dirty log takes most',
};

const dirtyRings =
  'the VM has dirty rings instead of dirty logs (KVM_CAP_DIRTY_LOG_RING): harvest those of its vCPUs';

/** What most likely led to an errno (virt/kvm/kvm_main.c, eventfd.c, coalesced_mmio.c). */
const causes: Readonly<Record<string, Causes>> = {
  open: {
    ENOENT:
      'there is no such device; load the kernel module kvm_intel or kvm_amd, enable virtualisation in the firmware or, in a container or VM, pass /dev/kvm or nested virtualisation on',
    EACCES:
      'this user may not use the device; add it to the group of /dev/kvm, which most distributions call kvm',
    ENODEV: 'the module kvm is loaded, but none for this processor',
    ENXIO: 'the module kvm is loaded, but none for this processor',
    EMFILE: 'the process has too many open files; raise ulimit -n',
  },
  KVM_GET_API_VERSION: {
    ENOTTY: 'the file is something else than /dev/kvm',
    EPROTO: 'the kernel has another version than 12, which all have since Linux 2.6.22',
  },
  KVM_CREATE_VM: {
    EBUSY: 'another hypervisor uses the processor',
    EINVAL: 'the processor has no such type of VM',
    EMFILE: 'the process has too many open files; raise ulimit -n',
    ENOMEM: 'the kernel has no memory for it',
  },
  KVM_CREATE_VCPU: {
    EEXIST: 'the VM has a vCPU of this id',
    EINVAL: 'the id is beyond what the kernel allows (KVM_CAP_MAX_VCPU_ID), or there are too many',
    EMFILE: 'the process has too many open files; raise ulimit -n',
  },
  KVM_CREATE_GUEST_MEMFD: {
    EINVAL: 'the size is not whole pages, a flag is unknown, or the type of VM has none',
  },
  KVM_SET_SREGS: {
    EINVAL: 'the registers contradict each other, or the processor lacks a feature',
  },
  KVM_RUN: {
    EFAULT:
      "the memory behind a slot can't be reached: it was unmapped under the VM, is shorter than the slot, or its device is asleep",
    EINVAL: 'the registers make no sense to the kernel',
    ENOEXEC: 'the vCPU has not been initialised',
  },
  KVM_ENABLE_CAP: {
    EINVAL:
      'the kernel has no such capability or takes no such argument; a dirty ring (cap 0xc0, its size in bytes of 16 for each entry) is a power of two, at least a page and not smaller than what the kernel reserves (1024 entries are enough for all), enabled once and before the first vCPU',
    E2BIG: 'a dirty ring has at most 65,536 entries',
  },
  KVM_SET_USER_MEMORY_REGION: slotCauses,
  KVM_SET_USER_MEMORY_REGION2: slotCauses,
  KVM_IOEVENTFD: {
    EEXIST:
      'another ioeventfd matches the same writes; one must be removed before the other is added',
    EINVAL:
      'the file descriptor is no eventfd, or the width is not 1, 2, 4, 8 or 0 without a value',
    EBADF: 'the eventfd is closed; close it only after its ioeventfd was removed',
    ENOENT: 'there is no such ioeventfd',
    ENOSPC: 'the bus is full',
  },
  KVM_REGISTER_COALESCED_MMIO: { ENOSPC: 'the bus is full: there can be about a thousand zones' },
  KVM_GET_DIRTY_LOG: {
    ENOENT: 'the slot does not exist or has no dirty log',
    EINVAL: 'the number is beyond the slots or address spaces that there can be',
    ENXIO: dirtyRings,
  },
  KVM_CLEAR_DIRTY_LOG: {
    ENOENT: 'the slot does not exist or has no dirty log',
    EINVAL:
      'the pages are not whole groups of 64 within the slot, or the number is beyond the slots or address spaces that there can be',
    ENXIO: dirtyRings,
  },
};

const anyIoctl: Causes = {
  EBADF: 'the file descriptor of the VM is closed',
  ENOTTY: 'the file descriptor is not that of a VM, or the kernel is too old to know this',
  EIO: 'the VM belongs to another process, or is dead',
  EPERM: 'the process has no permission',
};
