import { type AddressLike, hex } from '../address.js';
import { FlatviewError } from '../errors.js';

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
 */
export function kvmIoctlError(
  ioctl: KvmVmIoctl,
  args: Readonly<Record<string, AddressLike>>,
  errno: string,
): FlatviewError {
  const shown = Object.entries(args).map(([name, value]) => `${name} ${hex(value)}`);
  const syscall = `${ioctl}(${shown.join(', ')})`;
  const cause = causes[ioctl]?.[errno] ?? anyIoctl[errno];
  const why = cause === undefined ? '' : `: ${cause}`;
  return new FlatviewError('ERR_SYSTEM_CALL', `${syscall} failed with ${errno}${why}`, {
    errno,
    syscall,
  });
}

type Causes = Readonly<Record<string, string>>;

const slotCauses: Causes = {
  EINVAL:
    'an address or size is not whole pages, the range is beyond what the processor can address, the slot or address space does not exist, or a slot changes what cannot be changed (size, host address, read-only)',
  EEXIST: 'it overlaps another slot of the same address space',
  EFAULT: 'the range is beyond what guests can address',
  ENOMEM: 'the kernel has no memory for its tables; a large slot with a dirty log takes most',
};

/** What most likely led to an errno (virt/kvm/kvm_main.c, eventfd.c, coalesced_mmio.c). */
const causes: Readonly<Partial<Record<KvmVmIoctl, Causes>>> = {
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
  KVM_GET_DIRTY_LOG: { ENOENT: 'the slot does not exist or has no dirty log' },
  KVM_CLEAR_DIRTY_LOG: {
    ENOENT: 'the slot does not exist or has no dirty log',
    EINVAL: 'the pages are not whole groups of 64 within the slot',
  },
};

const anyIoctl: Causes = {
  EBADF: 'the file descriptor of the VM is closed',
  ENOTTY: 'the file descriptor is not that of a VM, or the kernel is too old to know this',
  EIO: 'the VM belongs to another process, or is dead',
  EPERM: 'the process has no permission',
};
