import { type AddressLike, toAddress } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { hostPageSize } from '../../memory/host-memory.js';
import { addon } from '../../native/addon.js';
import { bytesOf } from '../../native/bytes-of.js';
import type { KvmVmHandle } from '../../native/kvm-addon.js';
import { kvmCall } from '../kvm-call.js';
import {
  type CoalescedZone,
  type IoEventFdRequest,
  type KvmVm,
  kvmCapability,
  type UserMemoryRegion,
  userMemoryFlag,
} from '../kvm-interface.js';
import { DirectMemory } from './direct-memory.js';
import { GuestBus, type GuestSpaces } from './guest-bus.js';
import { Vcpu } from './vcpu.js';
import { assertVcpus } from './vcpu-architecture.js';

/** Flags of KVM_IOEVENTFD. */
const ioEventFdFlag = { dataMatch: 1, pio: 2, deassign: 4 } as const;

/**
 * A VM of the real kernel. Made by {@link Kvm.createVm}.
 *
 * It is closed by {@link close}, with its vCPUs, whatever they do; or when it and they have been collected; at the
 * latest when its environment ends.
 *
 * @example
 * ```ts kvm
 * import { MemoryTopology } from 'flatview';
 * import { Kvm, KvmMemorySlots, type VirtualMachine } from 'flatview/kvm';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x10_0000n);
 * const memory = topology.addressSpace('memory', ram);
 *
 * using kvm = Kvm.open();
 * const vm: VirtualMachine = kvm.createVm({ memory });
 * // No vCPU is in the guest while a slot that it may be using is replaced.
 * const slots = new KvmMemorySlots(vm, {
 *   pause: () => vm.pauseVcpus(),
 *   resume: () => vm.resumeVcpus(),
 * });
 * memory.addListener(slots);
 * const vcpu = vm.createVcpu(0);
 * ram.addSubregion(0xa_0000n, topology.io('vga-lowmem', 0x2_0000n, {}), { priority: 1 });
 * slots.slots.map(({ address }) => address); // => [0x0n, 0xc_0000n]
 *
 * topology.close();
 * vm.close(); // and its vCPUs
 * vcpu.getRegisters(); // throws ERR_KVM_CLOSED
 * ```
 */
export class VirtualMachine implements KvmVm {
  readonly pageSize: bigint = hostPageSize;
  /** `undefined` once closed. */
  #handle: KvmVmHandle | undefined;
  readonly #bus: GuestBus;
  readonly #dirtyRingBytes: number;
  readonly #vcpus = new Set<Vcpu>();
  readonly #directMemories: Map<AddressSpace, DirectMemory> = new Map();
  #pauses = 0;

  private constructor(handle: KvmVmHandle, spaces: GuestSpaces, dirtyRingBytes: number) {
    this.#handle = handle;
    this.#bus = new GuestBus(spaces);
    this.#dirtyRingBytes = dirtyRingBytes;
    abandoned.register(this, { handle, directMemories: this.#directMemories }, this);
  }

  /** @internal Takes over a handle. Each vCPU is to have a dirty ring of `ringBytes`; 0 for none. */
  static over(handle: KvmVmHandle, spaces: GuestSpaces, ringBytes: number = 0): VirtualMachine {
    const vm = new VirtualMachine(handle, spaces, ringBytes);
    try {
      if (ringBytes !== 0) vm.enableCapability(kvmCapability.dirtyLogRing, BigInt(ringBytes));
      return vm;
    } catch (error) {
      vm.close();
      throw error;
    }
  }

  /** The descriptor, which stays this object's: for {@link Kvm.vmAt} in a worker, and for other libraries. */
  get fd(): number {
    return addon.kvmVmDescriptor(this.#open());
  }

  /** The vCPUs that were made here and are open. */
  get vcpus(): readonly Vcpu[] {
    return [...this.#vcpus];
  }

  checkExtension(capability: number): number {
    return kvmCall('KVM_CHECK_EXTENSION', () =>
      addon.kvmVmCheckExtension(this.#open(), capability),
    );
  }

  enableCapability(capability: number, argument: bigint): void {
    kvmCall('KVM_ENABLE_CAP', () =>
      addon.kvmVmEnableCapability(this.#open(), capability, argument),
    );
  }

  setUserMemoryRegion(region: UserMemoryRegion): void {
    const { slot, flags, guestAddress, size, hostAddress, guestMemfd } = region;
    const vm = this.#open();
    const place = [guestAddress, size, hostAddress] as const;
    if (guestMemfd === undefined) {
      kvmCall('KVM_SET_USER_MEMORY_REGION', () =>
        addon.kvmVmSetUserMemoryRegion(vm, slot, flags, ...place),
      );
      return;
    }
    const { fd, offset } = guestMemfd;
    const allFlags = flags | userMemoryFlag.guestMemfd;
    kvmCall('KVM_SET_USER_MEMORY_REGION2', () =>
      addon.kvmVmSetUserMemoryRegion2(vm, slot, allFlags, ...place, fd, offset),
    );
  }

  /**
   * KVM_CREATE_GUEST_MEMFD: memory that only the guest can reach, for {@link UserMemoryRegion.guestMemfd}.
   *
   * @param size Bytes, whole pages.
   * @returns A descriptor, which the caller closes.
   * @throws `ERR_SYSTEM_CALL`: the kernel is too old, or this type of VM has none.
   */
  createGuestMemfd(size: AddressLike): number {
    const bytes = toAddress(size, 'size of guest memory');
    return kvmCall('KVM_CREATE_GUEST_MEMFD', () =>
      addon.kvmVmCreateGuestMemfd(this.#open(), bytes, 0n),
    );
  }

  ioEventFd({ address, length, fd, dataMatch, pio, deassign }: IoEventFdRequest): void {
    const flags =
      (dataMatch === undefined ? 0 : ioEventFdFlag.dataMatch) |
      (pio ? ioEventFdFlag.pio : 0) |
      (deassign ? ioEventFdFlag.deassign : 0);
    kvmCall('KVM_IOEVENTFD', () =>
      addon.kvmVmIoEventFd(this.#open(), address, length, dataMatch ?? 0n, fd, flags),
    );
  }

  registerCoalescedMmio({ address, size, pio }: CoalescedZone): void {
    kvmCall('KVM_REGISTER_COALESCED_MMIO', () =>
      addon.kvmVmRegisterCoalescedMmio(this.#open(), address, size, pio),
    );
  }

  unregisterCoalescedMmio({ address, size, pio }: CoalescedZone): void {
    kvmCall('KVM_UNREGISTER_COALESCED_MMIO', () =>
      addon.kvmVmUnregisterCoalescedMmio(this.#open(), address, size, pio),
    );
  }

  getDirtyLog(slot: number, bitmap: BigUint64Array): void {
    kvmCall('KVM_GET_DIRTY_LOG', () => addon.kvmVmGetDirtyLog(this.#open(), slot, bytesOf(bitmap)));
  }

  clearDirtyLog(slot: number, firstPage: bigint, pageCount: number, bitmap: BigUint64Array): void {
    const vm = this.#open();
    kvmCall('KVM_CLEAR_DIRTY_LOG', () =>
      addon.kvmVmClearDirtyLog(vm, slot, firstPage, pageCount, bytesOf(bitmap)),
    );
  }

  /**
   * KVM_RESET_DIRTY_RINGS: what was harvested is watched again.
   *
   * @returns How many entries were taken back.
   */
  resetDirtyRings(): number {
    return kvmCall('KVM_RESET_DIRTY_RINGS', () => addon.kvmVmResetDirtyRings(this.#open()));
  }

  /**
   * KVM_SET_TSS_ADDR: where KVM may put three pages of its own below 4 GiB, which older Intel processors need to run
   * real mode.
   */
  setTssAddress(address: AddressLike): void {
    kvmCall('KVM_SET_TSS_ADDR', () =>
      addon.kvmVmSetTssAddress(this.#open(), toAddress(address, 'address of the TSS')),
    );
  }

  /**
   * Makes a vCPU (KVM_CREATE_VCPU), as it is after a reset.
   *
   * @param id From 0 on.
   * @param spaces What it sees. Default: what the VM was made with.
   * Not within a transaction: it listens to the memory that the vCPU sees, until the VM is closed.
   *
   * @throws `ERR_SYSTEM_CALL`, `ERR_KVM_CLOSED`; `ERR_WINDOW`: this runtime shows no memory of the kernel's to
   *   JavaScript; `ERR_TRANSACTION_OPEN`; `ERR_PROCESSOR`: the machine isn't an x86-64, whose registers a {@link Vcpu}
   *   knows. Slots, ioeventfds and dirty logs are for every machine that has KVM.
   */
  createVcpu(id: number, spaces: GuestSpaces = this.#bus): Vcpu {
    assertVcpus(process.arch);
    const handle = kvmCall('KVM_CREATE_VCPU', () =>
      addon.kvmCreateVcpu(this.#open(), id, this.#dirtyRingBytes),
    );
    const ringPage = this.checkExtension(kvmCapability.coalescedMmio);
    const ring = { page: ringPage, pageSize: Number(this.pageSize), bus: this.#bus };
    const vcpu = new Vcpu(handle, id, this, new GuestBus(spaces), ring, this.#dirtyRingBytes);
    if (spaces.memory !== undefined) this.#directMemory(spaces.memory).serve(handle);
    this.#vcpus.add(vcpu);
    for (let pause = 0; pause < this.#pauses; pause++) vcpu.requestPause();
    return vcpu;
  }

  /**
   * Makes the writes to coalesced zones that the kernel has gathered. It happens before each exit is answered and
   * when a vCPU stops: a device that wants to know before, such as a screen that is drawn, calls it.
   *
   * @throws what a callback throws.
   */
  drainCoalesced(): void {
    // Any vCPU shows the one ring.
    for (const { coalescedRing } of this.#vcpus) {
      coalescedRing?.drain();
      return;
    }
  }

  /**
   * Calls all vCPUs out of the guest and keeps them out, until {@link resumeVcpus}. On return none is in the guest;
   * one may be waiting for the answer to an exit, and goes on waiting. It takes as long as a signal does. Nests.
   */
  pauseVcpus(): void {
    this.#pauses++;
    for (const vcpu of this.#vcpus) vcpu.requestPause();
    for (const vcpu of this.#vcpus) vcpu.awaitPause();
  }

  /** Ends one {@link pauseVcpus}; does nothing when there is none. */
  resumeVcpus(): void {
    if (this.#pauses === 0) return;
    this.#pauses--;
    for (const vcpu of this.#vcpus) vcpu.resume();
  }

  /** Closes the vCPUs, which ends their runs, and then the VM. May be called again. */
  close(): void {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    for (const vcpu of this.#vcpus) vcpu.close();
    abandoned.unregister(this);
    giveUp({ handle, directMemories: this.#directMemories });
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  forget(vcpu: Vcpu): void {
    this.#vcpus.delete(vcpu);
  }

  #directMemory(space: AddressSpace): DirectMemory {
    const known = this.#directMemories.get(space);
    if (known !== undefined) return known;
    const direct = new DirectMemory(space);
    this.#directMemories.set(space, direct);
    return direct;
  }

  #open(): KvmVmHandle {
    if (this.#handle !== undefined) return this.#handle;
    throw new FlatviewError('ERR_KVM_CLOSED', 'the VM is closed');
  }
}

/** What a VM holds. */
interface Holdings {
  readonly handle: KvmVmHandle;
  readonly directMemories: ReadonlyMap<AddressSpace, DirectMemory>;
}

function giveUp({ handle, directMemories }: Holdings): void {
  addon.kvmVmClose(handle);
  for (const direct of directMemories.values()) direct.close();
}

/** Closes what was collected without {@link VirtualMachine.close}. */
const abandoned: FinalizationRegistry<Holdings> = new FinalizationRegistry(giveUp);
