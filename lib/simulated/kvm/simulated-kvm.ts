import type { AddressLike } from '../../address.js';
import {
  type CoalescedZone,
  type IoEventFdRequest,
  type KvmVm,
  kvmCapability,
  type UserMemoryRegion,
  userMemoryFlag,
} from '../../kvm/kvm-interface.js';
import { type KvmVmIoctl, kvmIoctlError } from '../../kvm/kvm-ioctl-error.js';
import { checkBitmap, checkFields } from '../call-arguments.js';
import type { Errno } from '../errno.js';
import { type Fault, Faults } from '../faults.js';
import { type FileDescriptorKind, KvmIoBus } from './kvm-io-bus.js';
import { type DirtyRingEntry, KvmSlotTable, type SlotRules } from './kvm-slot-table.js';

/**
 * What a simulated kernel and machine are like; by default like a large x86 machine with a new kernel.
 *
 * @example
 * ```ts
 * import {
 *   type FileDescriptorKind,
 *   SimulatedKvm,
 *   type SimulatedKvmOptions,
 * } from 'flatview/simulated';
 *
 * // Descriptor 1 is no eventfd.
 * const kindOf = (fd: number): FileDescriptorKind => (fd === 1 ? 'other' : 'eventfd');
 * const options: SimulatedKvmOptions = { fileDescriptors: kindOf };
 * const vm = new SimulatedKvm(options);
 * const doorbell = { address: 0xfebf_3000n, length: 4, pio: false, deassign: false } as const;
 * vm.ioEventFd({ ...doorbell, fd: 1 }); // throws ERR_SYSTEM_CALL
 * vm.ioEventFd({ ...doorbell, fd: 20 });
 * vm.ioEventFds.length; // => 1
 * ```
 */
export interface SimulatedKvmOptions extends Partial<SlotRules> {
  /** Bits of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 that the kernel knows. Default: both. */
  readonly manualDirtyLogProtect?: number;
  /** What file descriptors stand for. Default: all numbers from 0 on are eventfds. */
  readonly fileDescriptors?: (fd: number) => FileDescriptorKind;
}

/** An ioctl that was made, and whether it was refused. */
export interface SimulatedCall {
  /** Which ioctl it was. */
  readonly ioctl: KvmVmIoctl;
  /** Its arguments by their names. */
  readonly args: Readonly<Record<string, AddressLike>>;
  /** Name of the error; `undefined` where it succeeded. */
  readonly errno: string | undefined;
}

/**
 * What became of an access of the guest.
 *
 * @example
 * ```ts
 * import { userMemoryFlag } from 'flatview/kvm';
 * import { type SimulatedAccess, SimulatedKvm } from 'flatview/simulated';
 *
 * const vm = new SimulatedKvm();
 * vm.setUserMemoryRegion({
 *   slot: 4,
 *   flags: userMemoryFlag.readonly,
 *   guestAddress: 0xfffc_0000n,
 *   size: 0x4_0000n,
 *   hostAddress: 0x7f00_0000_0000n,
 * });
 * const fetched: SimulatedAccess = vm.read(0xffff_fff0n);
 * fetched; // => { kind: 'memory', slot: 4, hostAddress: 0x7f00_0003_fff0n }
 * vm.write(0xffff_fff0n, 1, 0n).kind; // => 'exit'
 * ```
 */
export type SimulatedAccess =
  /** It reached memory of this process. */
  | { readonly kind: 'memory'; readonly slot: number; readonly hostAddress: bigint }
  /** An eventfd was signalled. */
  | { readonly kind: 'ioeventfd'; readonly fd: number }
  /** It was put into the ring of coalesced writes. */
  | { readonly kind: 'coalesced' }
  /** The vCPU exited. */
  | { readonly kind: 'exit' };

/**
 * Where an access of the guest goes.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { KvmMemorySlots } from 'flatview/kvm';
 * import { type SimulatedAccessOptions, SimulatedKvm } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const smram = topology.ram('smram', 0x2_0000n);
 * const system = topology.container('system', 1n << 64n);
 * const smm = topology.container('smm', 1n << 64n);
 * smm.addSubregion(0xa_0000n, smram);
 *
 * const vm = new SimulatedKvm();
 * topology.addressSpace('memory', system).addListener(new KvmMemorySlots(vm));
 * const slotsOfSmm = new KvmMemorySlots(vm, { addressSpaceId: 1 });
 * topology.addressSpace('cpu-smm', smm).addListener(slotsOfSmm);
 *
 * // SMRAM is there in system-management mode alone.
 * const inSmm: SimulatedAccessOptions = { addressSpaceId: 1 };
 * vm.read(0xa_0000n, inSmm).kind; // => 'memory'
 * vm.read(0xa_0000n).kind; // => 'exit'
 * topology.close();
 * ```
 */
export interface SimulatedAccessOptions {
  /** Number of KVM's address space. Default: 0. */
  readonly addressSpaceId?: number;
  /** Whether it is one to ports. Default: false. */
  readonly pio?: boolean;
}

/**
 * A VM of KVM without KVM: the kernel's rules and errors for memory slots, dirty logs, ioeventfds and coalesced zones.
 * It never looks at the memory behind a slot. Tests can count the calls, and order that some fail.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { KvmMemorySlots, type KvmVmIoctl } from 'flatview/kvm';
 * import { type Fault, type SimulatedCall, SimulatedKvm } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const memory = topology.addressSpace('memory', system);
 * const vm = new SimulatedKvm();
 * memory.addListener(new KvmMemorySlots(vm));
 *
 * // The second slot of the next commit fails: the commit does, and the first slot goes again.
 * const fault: Fault<KvmVmIoctl> = {
 *   ioctl: 'KVM_SET_USER_MEMORY_REGION',
 *   call: 2,
 *   errno: 'ENOMEM',
 * };
 * vm.order(fault);
 * const plug = (): void =>
 *   topology.transaction(() => {
 *     system.addSubregion(0x0n, topology.ram('below 4G', 0x10_0000n));
 *     system.addSubregion(0x1_0000_0000n, topology.ram('above 4G', 0x10_0000n));
 *   });
 * plug(); // throws ERR_LISTENER_FAILED
 * vm.slots; // => []
 * const calls: readonly SimulatedCall[] = vm.calls.slice(-3);
 * calls.map(({ args, errno }) => [args['memory_size'], errno]);
 * // => [[0x10_0000n, undefined], [0x10_0000n, 'ENOMEM'], [0n, undefined]]
 *
 * plug();
 * vm.slots.length; // => 2
 * topology.close();
 * ```
 */
export class SimulatedKvm implements KvmVm {
  readonly pageSize: bigint;
  /** Every ioctl that was made, in order, but for KVM_CHECK_EXTENSION. */
  readonly calls: SimulatedCall[] = [];
  readonly #slots: KvmSlotTable;
  readonly #bus: KvmIoBus;
  readonly #faults = new Faults<KvmVmIoctl>();
  readonly #capabilities: ReadonlyMap<number, number>;

  constructor(options: SimulatedKvmOptions = {}) {
    const { manualDirtyLogProtect = 3, fileDescriptors = anyEventFd, ...given } = options;
    const rules = { ...ordinary, ...given };
    this.pageSize = rules.pageSize;
    this.#slots = new KvmSlotTable(rules);
    this.#bus = new KvmIoBus(fileDescriptors);
    this.#capabilities = capabilitiesOf(rules, manualDirtyLogProtect);
  }

  /** The slots that there are, in no order. */
  get slots(): readonly UserMemoryRegion[] {
    return this.#slots.all;
  }

  /** The ioeventfds that there are, in the order in which they were assigned. */
  get ioEventFds(): readonly IoEventFdRequest[] {
    return this.#bus.eventFds;
  }

  /** The coalesced zones that there are, in the order in which they were registered. */
  get coalescedZones(): readonly CoalescedZone[] {
    return this.#bus.zones;
  }

  /** Has a later call fail, without effect. */
  order(fault: Fault<KvmVmIoctl>): void {
    this.#faults.order(fault);
  }

  /** Forgets the failures that were ordered and have not happened. */
  cancelFaults(): void {
    this.#faults.cancel();
  }

  checkExtension(capability: number): number {
    return this.#capabilities.get(capability) ?? 0;
  }

  enableCapability(capability: number, argument: bigint): void {
    checkFields('KVM_ENABLE_CAP', { cap: capability, argument });
    this.#make('KVM_ENABLE_CAP', { cap: capability, argument }, () =>
      capability === kvmCapability.manualDirtyLogProtect2 && this.checkExtension(capability) > 0
        ? this.#slots.protectManually(argument)
        : 'EINVAL',
    );
  }

  setUserMemoryRegion(region: UserMemoryRegion): void {
    const { slot, guestAddress, size, hostAddress, guestMemfd } = region;
    const flags = region.flags | (guestMemfd === undefined ? 0 : userMemoryFlag.guestMemfd);
    const ioctl = `KVM_SET_USER_MEMORY_REGION${guestMemfd === undefined ? '' : '2'}` as const;
    const args = {
      slot,
      flags,
      guest_phys_addr: guestAddress,
      memory_size: size,
      userspace_addr: hostAddress,
    };
    checkFields(ioctl, { ...args, flags: region.flags });
    if (guestMemfd !== undefined) checkFields(ioctl, { guest_memfd_offset: guestMemfd.offset });
    this.#make(ioctl, args, () => this.#slots.set({ ...region, flags }));
  }

  ioEventFd(request: IoEventFdRequest): void {
    const { address, length, fd, dataMatch, pio, deassign } = request;
    const match = dataMatch === undefined ? {} : { datamatch: dataMatch };
    const flags = (match.datamatch === undefined ? 0 : 1) | (pio ? 2 : 0) | (deassign ? 4 : 0);
    checkFields('KVM_IOEVENTFD', { addr: address, len: length, ...match });
    this.#make('KVM_IOEVENTFD', { addr: address, len: length, fd, ...match, flags }, () =>
      this.#bus.ioEventFd(request),
    );
  }

  registerCoalescedMmio(zone: CoalescedZone): void {
    checkFields('KVM_REGISTER_COALESCED_MMIO', zoneArgs(zone));
    this.#make('KVM_REGISTER_COALESCED_MMIO', zoneArgs(zone), () => this.#bus.register(zone));
  }

  unregisterCoalescedMmio(zone: CoalescedZone): void {
    checkFields('KVM_UNREGISTER_COALESCED_MMIO', zoneArgs(zone));
    this.#make('KVM_UNREGISTER_COALESCED_MMIO', zoneArgs(zone), () => this.#bus.unregister(zone));
  }

  getDirtyLog(slot: number, bitmap: BigUint64Array): void {
    checkFields('KVM_GET_DIRTY_LOG', { slot });
    const pages = this.#slots.loggedPages(slot);
    if (pages !== undefined) checkBitmap('KVM_GET_DIRTY_LOG', bitmap, pages);
    this.#make('KVM_GET_DIRTY_LOG', { slot }, () => this.#slots.getDirtyLog(slot, bitmap));
  }

  clearDirtyLog(slot: number, firstPage: bigint, pageCount: number, bitmap: BigUint64Array): void {
    const args = { slot, first_page: firstPage, num_pages: pageCount };
    checkFields('KVM_CLEAR_DIRTY_LOG', args);
    checkBitmap('KVM_CLEAR_DIRTY_LOG', bitmap, BigInt(pageCount));
    this.#make('KVM_CLEAR_DIRTY_LOG', args, () =>
      this.#slots.clearDirtyLog(slot, firstPage, pageCount, bitmap),
    );
  }

  /** The guest reads one byte. */
  read(address: bigint, options: SimulatedAccessOptions = {}): SimulatedAccess {
    const { addressSpaceId = 0, pio = false } = options;
    const region = pio ? undefined : this.#slots.at(address, addressSpaceId);
    return region === undefined ? { kind: 'exit' } : memoryAccess(region, address);
  }

  /** The guest writes `size` bytes, which lie in one page. */
  write(
    address: bigint,
    size: 1 | 2 | 4 | 8,
    value: bigint,
    options: SimulatedAccessOptions = {},
  ): SimulatedAccess {
    const { addressSpaceId = 0, pio = false } = options;
    const region = pio ? undefined : this.#slots.at(address, addressSpaceId);
    if (region !== undefined && (region.flags & userMemoryFlag.readonly) === 0) {
      this.#slots.markWritten(region, address);
      return memoryAccess(region, address);
    }
    const eventFd = this.#bus.eventFdFor(address, size, value, pio);
    if (eventFd !== undefined) return { kind: 'ioeventfd', fd: eventFd.fd };
    return this.#bus.isCoalesced(address, size, pio) ? { kind: 'coalesced' } : { kind: 'exit' };
  }

  /** Empties the dirty rings of all vCPUs, and resets them. */
  takeDirtyRing(): readonly DirtyRingEntry[] {
    return this.#slots.takeDirtyRing();
  }

  #make(ioctl: KvmVmIoctl, args: SimulatedCall['args'], body: () => Errno): void {
    const errno = this.#faults.due(ioctl) ?? body();
    this.calls.push({ ioctl, args, errno });
    if (errno !== undefined) throw kvmIoctlError(ioctl, args, errno);
  }
}

/** KVM_DIRTY_RING_MAX_ENTRIES, of 16 bytes. */
const largestDirtyRing = 0x10_0000;

const ordinary: SlotRules = {
  pageSize: 4096n,
  slotCount: 32764,
  addressSpaceCount: 2,
  guestAddressBits: 46,
  userSpaceEnd: (1n << 47n) - 4096n,
  readonlyMem: true,
  guestMemfd: true,
  dirtyRing: false,
};

function anyEventFd(fd: number): FileDescriptorKind {
  return fd >= 0 ? 'eventfd' : 'closed';
}

function capabilitiesOf(rules: SlotRules, manual: number): ReadonlyMap<number, number> {
  return new Map<number, number>([
    [kvmCapability.nrMemslots, rules.slotCount],
    [kvmCapability.coalescedMmio, 2],
    [kvmCapability.ioeventfd, 1],
    [kvmCapability.readonlyMem, Number(rules.readonlyMem)],
    [kvmCapability.multiAddressSpace, rules.addressSpaceCount],
    [kvmCapability.ioeventfdAnyLength, 1],
    [kvmCapability.coalescedPio, 1],
    [kvmCapability.manualDirtyLogProtect2, manual],
    [kvmCapability.dirtyLogRing, rules.dirtyRing ? largestDirtyRing : 0],
    [kvmCapability.userMemory2, Number(rules.guestMemfd)],
    [kvmCapability.guestMemfd, Number(rules.guestMemfd)],
  ]);
}

function memoryAccess(region: UserMemoryRegion, address: bigint): SimulatedAccess {
  const { slot, guestAddress, hostAddress } = region;
  return { kind: 'memory', slot, hostAddress: hostAddress + (address - guestAddress) };
}

function zoneArgs({ address, size, pio }: CoalescedZone): SimulatedCall['args'] {
  return { addr: address, size, pio: Number(pio) };
}
