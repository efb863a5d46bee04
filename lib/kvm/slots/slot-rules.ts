import type { MappingRules } from '../../mapping/mapping-rules.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { RamRegion } from '../../memory/regions/ram-region.js';
import { type KvmVm, kvmCapability } from '../kvm-interface.js';
import type { GuestMemfd } from './slot-step.js';

/**
 * Where the private pages of a region come from; `offset` is that of the region's first byte.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { type GuestMemfd, type GuestMemfdOf, KvmMemorySlots } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x4000_0000n));
 *
 * const vm = new SimulatedKvm();
 * const pages: GuestMemfd = { fd: 9, offset: 0x0n }; // as VirtualMachine.createGuestMemfd gave it
 * const guestMemfd: GuestMemfdOf = ({ name }) => (name === 'pc.ram' ? pages : undefined);
 * memory.addListener(new KvmMemorySlots(vm, { guestMemfd }));
 * vm.calls.at(-1)?.ioctl; // => 'KVM_SET_USER_MEMORY_REGION2'
 * vm.slots[0]?.guestMemfd; // => { fd: 9, offset: 0x0n }
 * topology.close();
 * ```
 */
export type GuestMemfdOf = (region: RamRegion) => GuestMemfd | undefined;

/** KVM's pages are 4 KiB or more, so this is the largest power of two that a slot can hold: 2^30 pages. */
const largestSlotPages = 1n << 30n;

/** What can be a slot of `vm`, whose guest-physical addresses end at `guestAddressLimit`. */
export function slotRules(
  vm: KvmVm,
  guestAddressLimit: bigint,
  guestMemfd: GuestMemfdOf | undefined,
): MappingRules {
  const { pageSize } = vm;
  return {
    pageSize,
    largestMapping: largestSlotPages * pageSize,
    kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device']),
    canMapReadonly: vm.checkExtension(kvmCapability.readonlyMem) > 0,
    windows: [{ address: 0n, size: guestAddressLimit }],
    canWatch: ({ region }) => memfdOf(region, guestMemfd) === undefined,
  };
}

/** Where the private pages of `region` come from. */
export function memfdOf(
  region: MemoryRegion,
  guestMemfd: GuestMemfdOf | undefined,
): GuestMemfd | undefined {
  return region instanceof RamRegion ? guestMemfd?.(region) : undefined;
}
