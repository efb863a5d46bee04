/**
 * Numbers of capabilities that {@link KvmVm.checkExtension} is asked for (include/uapi/linux/kvm.h).
 *
 * @example
 * ```ts
 * import { type KvmVm, kvmCapability } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * // How many slots a VM can have; a kernel that doesn't say has 32.
 * const slotLimit = (vm: KvmVm): number => vm.checkExtension(kvmCapability.nrMemslots) || 32;
 *
 * slotLimit(new SimulatedKvm()); // => 32764
 * slotLimit(new SimulatedKvm({ slotCount: 0 })); // => 32
 * ```
 */
export const kvmCapability = {
  /** How many memory slots an address space can have; 0 means 32. */
  nrMemslots: 10,
  /** Whether there are coalesced MMIO zones. */
  coalescedMmio: 15,
  /** Whether there are ioeventfds. */
  ioeventfd: 36,
  /** Whether a slot can be read-only. */
  readonlyMem: 81,
  /** Whether an ioeventfd can match writes of any length. */
  ioeventfdAnyLength: 122,
  /** How many address spaces there are (two with SMM); 0 means 1. */
  multiAddressSpace: 118,
  /** Whether there are coalesced zones of ports. */
  coalescedPio: 162,
  /** Bits of {@link manualDirtyLogProtect} that can be enabled. */
  manualDirtyLogProtect2: 168,
  /** Bytes of the largest dirty ring of a vCPU, KVM_CAP_DIRTY_LOG_RING; enabled with the bytes that each is to have. */
  dirtyLogRing: 192,
  /** Whether there is KVM_SET_USER_MEMORY_REGION2. */
  userMemory2: 231,
  /** Whether there is KVM_CREATE_GUEST_MEMFD. */
  guestMemfd: 234,
} as const;

/**
 * Bits of {@link UserMemoryRegion.flags}.
 *
 * @example
 * ```ts
 * import { userMemoryFlag } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const vm = new SimulatedKvm();
 * const place = { guestAddress: 0x0n, size: 0x4_0000n, hostAddress: 0x7f00_0000_0000n };
 * vm.setUserMemoryRegion({ slot: 0, flags: userMemoryFlag.logDirtyPages, ...place });
 *
 * vm.write(0x3008n, 4, 1n); // the guest writes its fourth page
 * const bitmap = new BigUint64Array(1);
 * vm.getDirtyLog(0, bitmap);
 * bitmap[0]; // => 0b1000n
 *
 * // Whether a slot can be written is decided when it is made.
 * vm.setUserMemoryRegion({ slot: 0, flags: userMemoryFlag.readonly, ...place }); // throws ERR_SYSTEM_CALL
 * ```
 */
export const userMemoryFlag = {
  /** KVM_MEM_LOG_DIRTY_PAGES: the pages that are written are remembered. */
  logDirtyPages: 1,
  /** KVM_MEM_READONLY: a write exits. */
  readonly: 2,
  /** KVM_MEM_GUEST_MEMFD: private pages come from {@link UserMemoryRegion.guestMemfd}. */
  guestMemfd: 4,
} as const;

/**
 * Bits of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2's argument.
 *
 * @example
 * ```ts
 * import { kvmCapability, manualDirtyLogProtect, userMemoryFlag } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const vm = new SimulatedKvm();
 * const { enable, initiallySet } = manualDirtyLogProtect;
 * vm.enableCapability(kvmCapability.manualDirtyLogProtect2, BigInt(enable | initiallySet));
 * const place = { guestAddress: 0x0n, size: 0x8_0000n, hostAddress: 0x7f00_0000_0000n };
 * vm.setUserMemoryRegion({ slot: 0, flags: userMemoryFlag.logDirtyPages, ...place });
 *
 * const bitmap = new BigUint64Array(2); // 128 pages
 * vm.getDirtyLog(0, bitmap);
 * bitmap[1] === 2n ** 64n - 1n; // => true
 *
 * vm.clearDirtyLog(0, 64n, 64, bitmap.subarray(1)); // the upper half has been copied
 * vm.getDirtyLog(0, bitmap);
 * bitmap[1]; // => 0n
 * ```
 */
export const manualDirtyLogProtect = {
  /** Reading the dirty log leaves it as it is; {@link KvmVm.clearDirtyLog} clears and protects. */
  enable: 1,
  /** All pages are dirty when logging begins, so that nothing needs to be protected then. */
  initiallySet: 2,
} as const;

/**
 * The largest number of pages of a slot: KVM_MEM_MAX_NR_PAGES (virt/kvm/kvm_main.c).
 *
 * @example
 * ```ts
 * import { maxSlotPages, type UserMemoryRegion } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const vm = new SimulatedKvm();
 * const largest: UserMemoryRegion = {
 *   slot: 0,
 *   flags: 0,
 *   guestAddress: 0x0n,
 *   size: maxSlotPages * vm.pageSize,
 *   hostAddress: 0x1000_0000_0000n,
 * };
 * vm.setUserMemoryRegion({ ...largest, size: largest.size + vm.pageSize }); // throws ERR_SYSTEM_CALL
 * vm.setUserMemoryRegion(largest);
 * largest.size; // => 0x7ff_ffff_f000n
 * ```
 */
export const maxSlotPages: bigint = (1n << 31n) - 1n;

/** A memory slot as KVM_SET_USER_MEMORY_REGION takes it. */
export interface UserMemoryRegion {
  /** Slot number in bits 0 to 15, address space in bits 16 to 31. */
  readonly slot: number;
  /** Bits of {@link userMemoryFlag}. */
  readonly flags: number;
  /** First guest-physical address: whole pages. */
  readonly guestAddress: bigint;
  /** Size in bytes, whole pages; 0 deletes the slot. */
  readonly size: bigint;
  /** Where it lies in this process: whole pages. */
  readonly hostAddress: bigint;
  /** Where private pages come from: asks for KVM_SET_USER_MEMORY_REGION2, with KVM_MEM_GUEST_MEMFD added to the flags. */
  readonly guestMemfd?: { readonly fd: number; readonly offset: bigint };
}

/**
 * An ioeventfd as KVM_IOEVENTFD takes it.
 *
 * @example
 * ```ts
 * import type { IoEventFdRequest } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const vm = new SimulatedKvm();
 * const anyValue: IoEventFdRequest = {
 *   address: 0xfebf_3000n,
 *   length: 2,
 *   fd: 20,
 *   pio: false,
 *   deassign: false,
 * };
 * vm.ioEventFd(anyValue);
 *
 * // A write of 1 would match both: EEXIST.
 * vm.ioEventFd({ ...anyValue, fd: 21, dataMatch: 1n }); // throws ERR_SYSTEM_CALL
 * vm.ioEventFd({ ...anyValue, deassign: true });
 * vm.ioEventFds; // => []
 * ```
 */
export interface IoEventFdRequest {
  /** Guest-physical address, or number of the port. */
  readonly address: bigint;
  /** Width of the write in bytes; 0 matches any, and then there is no `dataMatch`. */
  readonly length: 0 | 1 | 2 | 4 | 8;
  /** The eventfd's descriptor. */
  readonly fd: number;
  /** The value that must be written; without it any does. */
  readonly dataMatch?: bigint;
  /** Whether it is a port. */
  readonly pio: boolean;
  /** Whether it is taken away. */
  readonly deassign: boolean;
}

/** A zone of coalesced writes as KVM_REGISTER_COALESCED_MMIO takes it. */
export interface CoalescedZone {
  /** Guest-physical address, or number of the port. */
  readonly address: bigint;
  /** Size in bytes, 32 bits. */
  readonly size: number;
  /** Whether these are ports. */
  readonly pio: boolean;
}

/**
 * A virtual machine of KVM, as far as its memory goes: one method for each ioctl of the VM's file descriptor, and no
 * opinion. The real one and the simulated one implement it, and pass the same conformance cases.
 *
 * What the kernel refuses is thrown as `ERR_SYSTEM_CALL` with `errno` and `syscall`, made by {@link kvmIoctlError}.
 *
 * @example
 * ```ts
 * import type { KvmVm } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * // Puts a slot of 64 KiB there: made where there is none of its number, else moved.
 * function putSlot(vm: KvmVm, slot: number, guestAddress: bigint): void {
 *   const rest = { size: 0x1_0000n, hostAddress: 0x7f00_0000_0000n };
 *   vm.setUserMemoryRegion({ slot, flags: 0, guestAddress, ...rest });
 * }
 *
 * const vm = new SimulatedKvm();
 * putSlot(vm, 3, 0x0n);
 * putSlot(vm, 3, 0xfeb0_0000n);
 * vm.slots.map(({ slot, guestAddress }) => [slot, guestAddress]); // => [[3, 0xfeb0_0000n]]
 * putSlot(vm, 3, 0xfeb0_0800n); // throws ERR_SYSTEM_CALL
 * ```
 */
export interface KvmVm {
  /** Bytes of a page of the host: the unit of slots. */
  readonly pageSize: bigint;

  /**
   * KVM_CHECK_EXTENSION.
   *
   * @param capability One of {@link kvmCapability}.
   * @returns 0 where the kernel doesn't have it or doesn't know it.
   */
  checkExtension(capability: number): number;

  /** KVM_ENABLE_CAP on the VM, with no flags. */
  enableCapability(capability: number, argument: bigint): void;

  /**
   * KVM_SET_USER_MEMORY_REGION, or KVM_SET_USER_MEMORY_REGION2 where `guestMemfd` is given: makes, moves, changes
   * or deletes a slot.
   */
  setUserMemoryRegion(region: UserMemoryRegion): void;

  /** KVM_IOEVENTFD. */
  ioEventFd(request: IoEventFdRequest): void;

  /** KVM_REGISTER_COALESCED_MMIO. */
  registerCoalescedMmio(zone: CoalescedZone): void;

  /** KVM_UNREGISTER_COALESCED_MMIO: takes away every zone in which all of `zone` lies. */
  unregisterCoalescedMmio(zone: CoalescedZone): void;

  /**
   * KVM_GET_DIRTY_LOG.
   *
   * @param slot As {@link UserMemoryRegion.slot}.
   * @param bitmap Takes one bit for each page of the slot, the first page in the lowest bit of the first word; whole
   *   words, as many as the slot has.
   */
  getDirtyLog(slot: number, bitmap: BigUint64Array): void;

  /**
   * KVM_CLEAR_DIRTY_LOG: the pages of which the bit is set are clean and watched again.
   *
   * @param firstPage A multiple of 64.
   * @param pageCount A multiple of 64, unless it reaches to the end of the slot.
   * @param bitmap The bit of `firstPage` is the lowest of the first word.
   */
  clearDirtyLog(slot: number, firstPage: bigint, pageCount: number, bitmap: BigUint64Array): void;
}
