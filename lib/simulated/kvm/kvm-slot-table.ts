import { wholeRange } from '../../address.js';
import {
  manualDirtyLogProtect,
  maxSlotPages,
  type UserMemoryRegion,
  userMemoryFlag,
} from '../../kvm/kvm-interface.js';
import type { Errno } from '../errno.js';

/**
 * What of the kernel and the machine decides about slots.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { KvmMemorySlots } from 'flatview/kvm';
 * import { SimulatedKvm, type SlotRules } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const memory = topology.addressSpace('memory', system);
 * const old: Partial<SlotRules> = { slotCount: 2, readonlyMem: false };
 * const slots = new KvmMemorySlots(new SimulatedKvm(old));
 * memory.addListener(slots);
 *
 * system.addSubregion(0xfffc_0000n, topology.rom('pc.bios', 0x4_0000n));
 * slots.refusals.map(({ code }) => code); // => ['readonly-unsupported']
 * const plug = (n: bigint): void =>
 *   system.addSubregion(n << 20n, topology.ram(`dimm${n}`, 0x8_0000n));
 * plug(0n);
 * plug(1n);
 * plug(2n); // throws ERR_LISTENER_FAILED
 * slots.slots.length; // => 2
 * topology.close();
 * ```
 */
export interface SlotRules {
  /** Bytes of a page of the host. */
  readonly pageSize: bigint;
  /** KVM_CAP_NR_MEMSLOTS. */
  readonly slotCount: number;
  /** KVM_CAP_MULTI_ADDRESS_SPACE. */
  readonly addressSpaceCount: number;
  /** Bits of guest-physical addresses. */
  readonly guestAddressBits: number;
  /**
   * Where user space ends: TASK_SIZE_MAX, on x86 2^47 with four levels of page tables and 2^56 with five, less a page.
   */
  readonly userSpaceEnd: bigint;
  /** KVM_CAP_READONLY_MEM. */
  readonly readonlyMem: boolean;
  /** KVM_CAP_GUEST_MEMFD. */
  readonly guestMemfd: boolean;
  /** Whether KVM_CAP_DIRTY_LOG_RING is enabled: written pages go to a ring, and slots have no logs. */
  readonly dirtyRing: boolean;
}

/** A slot as the kernel keeps it. */
export interface KernelSlot {
  readonly region: UserMemoryRegion;
  /** One bit for each page, while KVM_MEM_LOG_DIRTY_PAGES is set. */
  readonly dirty: BigUint64Array | undefined;
}

/**
 * An entry of a dirty ring.
 *
 * @example
 * ```ts
 * import { userMemoryFlag } from 'flatview/kvm';
 * import { type DirtyRingEntry, SimulatedKvm } from 'flatview/simulated';
 *
 * const vm = new SimulatedKvm({ dirtyRing: true });
 * const place = { guestAddress: 0xc000_0000n, size: 0x10_0000n, hostAddress: 0x7f00_0000_0000n };
 * vm.setUserMemoryRegion({ slot: 2, flags: userMemoryFlag.logDirtyPages, ...place });
 * vm.write(0xc000_5008n, 8, 1n);
 * const entries: readonly DirtyRingEntry[] = vm.takeDirtyRing();
 * entries; // => [{ slot: 2, page: 5n }]
 * vm.getDirtyLog(2, new BigUint64Array(4)); // throws ERR_SYSTEM_CALL
 * ```
 */
export interface DirtyRingEntry {
  /** Number of the slot, with the address space in bits 16 to 31. */
  readonly slot: number;
  /** Offset within the slot, in pages. */
  readonly page: bigint;
}

const pagesPerWord = 64n;

/** The memory slots of a VM, by the kernel's rules (virt/kvm/kvm_main.c: kvm_set_memory_region). */
export class KvmSlotTable {
  readonly #rules: SlotRules;
  readonly #slots = new Map<number, KernelSlot>();
  /** Bits of `manualDirtyLogProtect`. */
  #manual = 0;
  #ring: DirtyRingEntry[] = [];

  constructor(rules: SlotRules) {
    this.#rules = rules;
  }

  /** All slots, in no order. */
  get all(): readonly UserMemoryRegion[] {
    return [...this.#slots.values()].map(({ region }) => region);
  }

  /** The slot that shows `address` of an address space. */
  at(address: bigint, addressSpaceId: number): UserMemoryRegion | undefined {
    return this.all.find(
      ({ slot, guestAddress, size }) =>
        slot >>> 16 === addressSpaceId && address >= guestAddress && address - guestAddress < size,
    );
  }

  /** KVM_SET_USER_MEMORY_REGION and KVM_SET_USER_MEMORY_REGION2. */
  set(region: UserMemoryRegion): Errno {
    if (!this.#isSane(region)) return 'EINVAL';
    const old = this.#slots.get(region.slot);
    if (region.size === 0n) return this.#slots.delete(region.slot) ? undefined : 'EINVAL';
    return old === undefined ? this.#create(region) : this.#change(old, region);
  }

  /** How many pages the dirty log of a slot has; `undefined` where there is none. */
  loggedPages(slot: number): bigint | undefined {
    const known = this.#slots.get(slot);
    if (known?.dirty === undefined) return undefined;
    return known.region.size / this.#rules.pageSize;
  }

  /** KVM_GET_DIRTY_LOG. */
  getDirtyLog(slot: number, bitmap: BigUint64Array): Errno {
    if (this.#rules.dirtyRing) return 'ENXIO';
    if (!this.#isSlot(slot)) return 'EINVAL';
    const dirty = this.#slots.get(slot)?.dirty;
    if (dirty === undefined) return 'ENOENT';
    bitmap.set(dirty);
    if ((this.#manual & manualDirtyLogProtect.enable) === 0) dirty.fill(0n);
    return undefined;
  }

  /** KVM_CLEAR_DIRTY_LOG. */
  clearDirtyLog(slot: number, firstPage: bigint, pageCount: number, bits: BigUint64Array): Errno {
    if (this.#rules.dirtyRing) return 'ENXIO';
    if (!this.#isSlot(slot) || firstPage % pagesPerWord !== 0n) return 'EINVAL';
    const known = this.#slots.get(slot);
    if (known?.dirty === undefined) return 'ENOENT';
    const pages = known.region.size / this.#rules.pageSize;
    const count = BigInt(pageCount);
    if (firstPage > pages || count > pages - firstPage) return 'EINVAL';
    if (count < pages - firstPage && count % pagesPerWord !== 0n) return 'EINVAL';
    const start = Number(firstPage / pagesPerWord);
    for (let i = 0; i < Math.ceil(pageCount / Number(pagesPerWord)); i++) {
      known.dirty[start + i] = (known.dirty[start + i] ?? 0n) & ~(bits[i] ?? 0n);
    }
    return undefined;
  }

  /** KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 is enabled with `argument`. */
  protectManually(argument: bigint): Errno {
    const { enable, initiallySet } = manualDirtyLogProtect;
    const allowed = (argument & BigInt(enable)) === 0n ? 0 : enable | initiallySet;
    if ((argument & ~BigInt(allowed)) !== 0n) return 'EINVAL';
    this.#manual = Number(argument);
    return undefined;
  }

  /** The guest wrote something at `address`, which lies in the slot. */
  markWritten({ slot, guestAddress, flags }: UserMemoryRegion, address: bigint): void {
    const page = (address - guestAddress) / this.#rules.pageSize;
    const dirty = this.#slots.get(slot)?.dirty;
    if (dirty !== undefined) {
      const word = Number(page / pagesPerWord);
      dirty[word] = (dirty[word] ?? 0n) | (1n << (page % pagesPerWord));
    } else if ((flags & userMemoryFlag.logDirtyPages) !== 0) {
      this.#ring.push({ slot, page });
    }
  }

  /** Empties the dirty rings of all vCPUs. */
  takeDirtyRing(): readonly DirtyRingEntry[] {
    const entries = this.#ring;
    this.#ring = [];
    return entries;
  }

  #create(region: UserMemoryRegion): Errno {
    const misplaced = this.#isMisplaced(region);
    if (misplaced !== undefined) return misplaced;
    this.#slots.set(region.slot, { region, dirty: this.#dirtyFor(region, undefined) });
    return undefined;
  }

  #change(old: KernelSlot, region: UserMemoryRegion): Errno {
    const { hostAddress, size, flags, guestAddress, guestMemfd } = old.region;
    const fixed = userMemoryFlag.readonly | userMemoryFlag.guestMemfd;
    if (region.guestMemfd !== undefined || guestMemfd !== undefined) return 'EINVAL';
    if (hostAddress !== region.hostAddress || size !== region.size) return 'EINVAL';
    if (((flags ^ region.flags) & fixed) !== 0) return 'EINVAL';
    const misplaced = guestAddress === region.guestAddress ? undefined : this.#isMisplaced(region);
    if (misplaced !== undefined) return misplaced;
    this.#slots.set(region.slot, { region, dirty: this.#dirtyFor(region, old.dirty) });
    return undefined;
  }

  /** A slot that is moved keeps its dirty log. */
  #dirtyFor(region: UserMemoryRegion, old: BigUint64Array | undefined): BigUint64Array | undefined {
    if ((region.flags & userMemoryFlag.logDirtyPages) === 0) return undefined;
    if (this.#rules.dirtyRing) return undefined;
    if (old !== undefined) return old;
    const pages = Number(region.size / this.#rules.pageSize);
    const dirty = new BigUint64Array(Math.ceil(pages / Number(pagesPerWord)));
    if ((this.#manual & manualDirtyLogProtect.initiallySet) === 0) return dirty;
    dirty.fill((1n << pagesPerWord) - 1n);
    const rest = BigInt(pages) % pagesPerWord;
    if (rest !== 0n) dirty[dirty.length - 1] = (1n << rest) - 1n;
    return dirty;
  }

  #isMisplaced({ slot, guestAddress, size }: UserMemoryRegion): Errno {
    const end = guestAddress + size;
    const isTaken = this.all.some(
      (other) =>
        other.slot !== slot &&
        other.slot >>> 16 === slot >>> 16 &&
        other.guestAddress < end &&
        guestAddress < other.guestAddress + other.size,
    );
    if (isTaken) return 'EEXIST';
    return end > 1n << BigInt(this.#rules.guestAddressBits) ? 'EINVAL' : undefined;
  }

  #isSlot(slot: number): boolean {
    const { slotCount, addressSpaceCount } = this.#rules;
    return (slot & 0xffff) < slotCount && slot >>> 16 < Math.max(addressSpaceCount, 1);
  }

  #isSane(region: UserMemoryRegion): boolean {
    const { guestAddress, size, hostAddress, guestMemfd } = region;
    const { pageSize } = this.#rules;
    const isWhole = (value: bigint): boolean => value % pageSize === 0n;
    return (
      this.#areFlagsKnown(region) &&
      isWhole(size) &&
      isWhole(guestAddress) &&
      isWhole(hostAddress) &&
      hostAddress + size <= this.#rules.userSpaceEnd &&
      (guestMemfd === undefined || isWhole(guestMemfd.offset)) &&
      this.#isSlot(region.slot) &&
      guestAddress + size < wholeRange &&
      size / pageSize <= maxSlotPages
    );
  }

  #areFlagsKnown({ flags, guestMemfd }: UserMemoryRegion): boolean {
    const { readonlyMem } = this.#rules;
    const { logDirtyPages, readonly } = userMemoryFlag;
    if (guestMemfd !== undefined)
      return this.#rules.guestMemfd && flags === userMemoryFlag.guestMemfd;
    return (flags & ~(logDirtyPages | (readonlyMem ? readonly : 0))) === 0;
  }
}
