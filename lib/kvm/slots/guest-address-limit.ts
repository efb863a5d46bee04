import { FlatviewError } from '../../errors.js';
import type { KvmVm } from '../kvm-interface.js';

/** Guest-physical addresses have at least and at most so many bits. */
const fewestBits = 32;
const mostBits = 64;

/**
 * Bytes of guest-physical addresses in which the kernel makes slots: a power of two. There is no ioctl that says it, so
 * it is found by making slots of one page and deleting them; the kernel doesn't look at the memory behind a slot until
 * a guest touches it.
 *
 * @param slot A slot, as {@link UserMemoryRegion.slot}, that is free.
 * @throws `ERR_SYSTEM_CALL` on any refusal but that of an address: EINVAL, or EFAULT on Arm.
 */
export function findGuestAddressLimit(vm: KvmVm, slot: number): bigint {
  let low = fewestBits;
  let high = mostBits;
  while (high - low > 1) {
    const bits = (low + high) >>> 1;
    if (takesPageBelow(1n << BigInt(bits), vm, slot)) low = bits;
    else high = bits;
  }
  return 1n << BigInt(low);
}

function takesPageBelow(limit: bigint, vm: KvmVm, slot: number): boolean {
  const { pageSize } = vm;
  const page = { slot, flags: 0, guestAddress: limit - pageSize, hostAddress: pageSize };
  try {
    vm.setUserMemoryRegion({ ...page, size: pageSize });
  } catch (error) {
    if (!(error instanceof FlatviewError)) throw error;
    // Where a slot is already, there can be one.
    if (error.errno === 'EEXIST') return true;
    if (error.errno === 'EINVAL' || error.errno === 'EFAULT') return false;
    throw error;
  }
  vm.setUserMemoryRegion({ ...page, size: 0n });
  return true;
}
