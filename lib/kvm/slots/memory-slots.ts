import { type AddressLike, toSize } from '../../address.js';
import { FlatviewError, withUndoFailures } from '../../errors.js';
import { MappedSpace } from '../../mapping/mapped-space.js';
import { hasGap, isEmptyPlan, type MappingPlan } from '../../mapping/mapping-plan.js';
import type { AddressRange } from '../../mapping/page-mapping.js';
import type { Refusal, RefusalCode } from '../../mapping/refusal.js';
import type { RefusalListener } from '../../mapping/refusal-ledger.js';
import { markWritten } from '../../mapping/written-pages.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { MemoryListener } from '../../memory/listeners/memory-listener.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import type { MemoryRegionSection } from '../../memory/views/section.js';
import { type KvmVm, kvmCapability } from '../kvm-interface.js';
import { findGuestAddressLimit } from './guest-address-limit.js';
import { type NumberedPlan, numbered, outOfSlots } from './numbered-plan.js';
import { SlotDirtyLog } from './slot-dirty-log.js';
import { SlotNumbers } from './slot-numbers.js';
import { type GuestMemfdOf, memfdOf, slotRules } from './slot-rules.js';
import { carryOut, type MemorySlot, type SlotStep, slotId } from './slot-step.js';
import { mappedVerdict, notRestored, refusedVerdict, type SlotVerdict } from './slot-verdict.js';

/**
 * What {@link KvmMemorySlots} can be told.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { KvmMemorySlots, type KvmMemorySlotsOptions } from 'flatview/kvm';
 * import { planCost } from 'flatview/mapping';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x8000_0000n);
 * const memory = topology.addressSpace('memory', ram);
 *
 * const log: string[] = [];
 * const options: KvmMemorySlotsOptions = {
 *   review: (plan) => log.push(`${planCost(plan).calls} ioctls`),
 *   pause: () => log.push('pause vCPUs'),
 *   resume: () => log.push('resume vCPUs'),
 * };
 * memory.addListener(new KvmMemorySlots(new SimulatedKvm(), options));
 * log.splice(0); // => ['1 ioctls']
 *
 * // KVM can't cut a slot: one goes, two come, and the guest is kept out meanwhile.
 * ram.addSubregion(0xa_0000n, topology.io('vga-lowmem', 0x2_0000n, {}), { priority: 1 });
 * log; // => ['3 ioctls', 'pause vCPUs', 'resume vCPUs']
 * topology.close();
 * ```
 */
export interface KvmMemorySlotsOptions {
  /** The address space of KVM that the slots go to: 1 is what x86 sees in system-management mode. Default: 0. */
  readonly addressSpaceId?: number;
  /**
   * Called before and after a batch in which a page that is mapped before and after is unmapped for a moment, or a
   * dirty log could miss a write: in between no vCPU may run. Without it a guest can see the gap.
   */
  readonly pause?: () => void;
  /** See {@link KvmMemorySlotsOptions.pause}. */
  readonly resume?: () => void;
  /** Called with each plan before anything is done about it; what it throws refuses the commit. */
  readonly review?: (plan: MappingPlan<MemorySlot>) => void;
  /**
   * Whether written pages are watched again only after {@link MemoryTopology.clearDirtyLog}, where the kernel can: for
   * migrations, which then copy no page twice for nothing. Default: false.
   */
  readonly manualDirtyLog?: boolean;
  /**
   * Where the private pages of a region come from: the guest_memfd, and where the region's first byte lies in it. The
   * answer must stay the same as long as the region is there. The kernel neither moves such slots nor says which of
   * their pages are written; where the region is read-only they have no private pages.
   */
  readonly guestMemfd?: GuestMemfdOf;
  /**
   * Whether memory that shows at another address takes its slot along; else it gets a new one. Kernels refuse moves
   * (EINVAL) while a device of the host watches guest pages, as KVMGT does. Default: true.
   */
  readonly move?: boolean;
  /**
   * For a VM with dirty rings (KVM_CAP_DIRTY_LOG_RING), which has no logs of slots: empties the rings of all vCPUs, gives
   * each entry to {@link KvmMemorySlots.markWritten} of every object of the VM, and then resets the rings. Called when
   * somebody asks for what was written, and before a watched slot goes.
   */
  readonly emptyDirtyRings?: () => void;
  /**
   * Hears, after a commit, which parts of memory can't be slots any more, and which no longer can't. What isn't memory is
   * not counted as refused.
   */
  readonly onRefusals?: RefusalListener;
  /** Bytes of guest-physical addresses. Default: found out by trying. */
  readonly guestAddressLimit?: AddressLike;
}

/** What a kernel has that doesn't say. */
const fewestSlots = 32;

/**
 * Shows an address space to the guest: keeps KVM's memory slots in step with the flat view.
 *
 * All that a commit changes is planned and then done at once, in the listener's `commit`: deletes, moves, adds. When
 * the kernel refuses, what was done is undone, and the commit fails. What can't be a slot stays with its reason; an
 * access there exits to the embedder.
 *
 * One object serves one address space, and has the slots of one address space of KVM to itself: nobody else may set any.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { KvmMemorySlots } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x8000_0000n));
 * const memory = topology.addressSpace('memory', system);
 *
 * const vm = new SimulatedKvm(); // or Kvm.open().createVm({ memory })
 * const slots = new KvmMemorySlots(vm);
 * memory.addListener(slots);
 * slots.slots.length; // => 1
 *
 * // The VGA window splits the slot in two.
 * system.addSubregion(0xa_0000n, topology.io('vga-lowmem', 0x2_0000n, {}), { priority: 1 });
 * slots.slots.map(({ address, size }) => [address, size]);
 * // => [[0x0n, 0xa_0000n], [0xc_0000n, 0x7ff4_0000n]]
 * vm.read(0xa_0000n).kind; // => 'exit'
 * topology.close();
 * ```
 */
export class KvmMemorySlots implements MemoryListener {
  readonly name = 'KvmMemorySlots';
  /** That of QEMU's accelerators: slots come after DMA mappings. */
  readonly priority = 10;
  /** How many slots there can be. */
  readonly slotLimit: number;
  readonly #vm: KvmVm;
  readonly #options: KvmMemorySlotsOptions;
  readonly #addressSpaceId: number;
  readonly #mapped: MappedSpace<MemorySlot>;
  readonly #dirtyLog: SlotDirtyLog;
  readonly #byNumber: (MemorySlot | undefined)[] = [];
  readonly #numbers: SlotNumbers;
  #space: AddressSpace | undefined;
  /** Where undoing failed: what is installed there is not what is wanted. */
  #damaged: AddressRange[] = [];

  /**
   * @throws `ERR_SYSTEM_CALL`; `ERR_INVALID_ARGUMENT`: the VM has no such address space; `ERR_ADDRESS_RANGE`: the limit
   *   is out of range.
   */
  constructor(vm: KvmVm, options: KvmMemorySlotsOptions = {}) {
    const { addressSpaceId = 0, manualDirtyLog = false, move = true } = options;
    const spaces = vm.checkExtension(kvmCapability.multiAddressSpace) || 1;
    if (!Number.isInteger(addressSpaceId) || addressSpaceId < 0 || addressSpaceId >= spaces) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `the VM has ${spaces} address spaces (KVM_CAP_MULTI_ADDRESS_SPACE), none of number ${addressSpaceId}`,
      );
    }
    this.#vm = vm;
    this.#options = options;
    this.#addressSpaceId = addressSpaceId;
    this.slotLimit = vm.checkExtension(kvmCapability.nrMemslots) || fewestSlots;
    this.#numbers = new SlotNumbers(this.slotLimit);
    const lastSlot = slotId(this.slotLimit - 1, addressSpaceId);
    const limit = toSize(
      options.guestAddressLimit ?? findGuestAddressLimit(vm, lastSlot),
      'guestAddressLimit',
    );
    this.#mapped = new MappedSpace<MemorySlot>(slotRules(vm, limit, options.guestMemfd), {
      canMove: ({ guestMemfd }) => move && guestMemfd === undefined,
      onRefusals: options.onRefusals,
    });
    this.#dirtyLog = new SlotDirtyLog(vm, addressSpaceId, manualDirtyLog);
  }

  /** The slots that are installed, in order of their guest addresses. */
  get slots(): readonly MemorySlot[] {
    return this.#mapped.mappings;
  }

  /** What of memory is not a slot, and why, ascending; as of the last commit. */
  get refusals(): readonly Refusal[] {
    return this.#mapped.refused.all;
  }

  /** How many {@link refusals} there are of each code. */
  get refusalCounts(): ReadonlyMap<RefusalCode, number> {
    return this.#mapped.refused.counts;
  }

  /** Notes a range that has come, for the plan that {@link commit} makes. */
  regionAdd(section: MemoryRegionSection): void {
    if (!this.#mapped.rules.kinds.has(section.region.kind)) return;
    this.#assertOnly(section.addressSpace);
    this.#mapped.add(section);
  }

  /** Notes a range that goes, for the plan that {@link commit} makes. */
  regionDel(section: MemoryRegionSection): void {
    this.#mapped.remove(section);
  }

  logStart(section: MemoryRegionSection, _oldMask: number, newMask: number): void {
    this.#mapped.relog(section, newMask);
  }

  logStop(section: MemoryRegionSection, _oldMask: number, newMask: number): void {
    this.#mapped.relog(section, newMask);
  }

  /**
   * @throws `ERR_SYSTEM_CALL`: the kernel refused; `ERR_OUT_OF_SLOTS`; what the embedder's hooks throw. Then the slots
   *   are as they were.
   */
  commit(): void {
    try {
      const plan = this.#mapped.plan(this.#damaged);
      if (isEmptyPlan(plan)) this.#mapped.installed([], []);
      else this.#carryOut(this.#numbered(plan) ?? this.#joined());
      this.#damaged = [];
    } finally {
      this.#mapped.forget();
      if (this.#mapped.isEmpty) this.#space = undefined;
    }
  }

  logSync(section: MemoryRegionSection): void {
    this.#fetchDirtyLogs(this.#mapped.mappingsTouching(section));
  }

  /**
   * The guest wrote a page, as an entry of a dirty ring says (struct kvm_dirty_gfn). It is marked in the region that it
   * belongs to. Entries of another address space of KVM, or of a slot that is gone, are passed over.
   *
   * @param slot Number of the slot, with the address space in bits 16 to 31.
   * @param page Offset within the slot, in pages.
   */
  markWritten(slot: number, page: bigint): void {
    const known = slot >>> 16 === this.#addressSpaceId ? this.#byNumber[slot & 0xffff] : undefined;
    if (known === undefined) return;
    const address = known.address + page * this.#vm.pageSize;
    const pages = { address, size: this.#vm.pageSize };
    for (const range of this.#mapped.rangesTouching(pages)) markWritten(range, pages);
  }

  logClear({ address, size }: MemoryRegionSection): void {
    for (const slot of this.#mapped.mappingsTouching({ address, size })) {
      this.#dirtyLog.clear(slot, address, size);
    }
  }

  /**
   * What became of `address` of `space`; `undefined` where nothing answers, and of an address space that is not the
   * one that is shown here.
   *
   * @throws `ERR_ADDRESS_SPACE_DESTROYED`, `ERR_TOPOLOGY_CLOSED`
   */
  verdictAt(address: bigint, space: AddressSpace): SlotVerdict | undefined {
    const range = this.#shows(space) ? space.flatView.lookup(address) : undefined;
    return range && this.#verdictsOf(range).find(({ last }) => last >= address);
  }

  /**
   * What became of every byte of the flat view of `space`, ascending: each flat range in one part or more.
   *
   * @throws `ERR_ADDRESS_SPACE_DESTROYED`, `ERR_TOPOLOGY_CLOSED`
   */
  *verdicts(space: AddressSpace): IterableIterator<SlotVerdict> {
    if (!this.#shows(space)) return;
    for (const range of space.flatView.ranges()) yield* this.#verdictsOf(range);
  }

  #shows(space: AddressSpace): boolean {
    return this.#space === undefined || this.#space === space;
  }

  /** What became of each part of `range`, ascending. */
  #verdictsOf(range: FlatRange): SlotVerdict[] {
    return this.#mapped
      .outcomes(range)
      .map(({ range: part, mapping, refusal }) =>
        mapping === undefined
          ? refusedVerdict(refusal ?? notRestored(part))
          : mappedVerdict(mapping, part),
      );
  }

  /** The plan with as few slots as can be, for when there are too few for leaving slots alone. */
  #joined(): NumberedPlan {
    const plan = this.#mapped.plan([], { exact: true });
    const joined = this.#numbered(plan);
    if (joined !== undefined) return joined;
    throw outOfSlots(this.slotLimit, this.slots, plan);
  }

  #numbered(plan: MappingPlan<MemorySlot>): NumberedPlan | undefined {
    return numbered(plan, this.#numbers, ({ region, offset, readonly }) => {
      const memfd = readonly ? undefined : memfdOf(region, this.#options.guestMemfd);
      return memfd && { fd: memfd.fd, offset: memfd.offset + offset };
    });
  }

  #carryOut(prepared: NumberedPlan): void {
    const { plan } = prepared;
    this.#options.review?.(plan);
    const losesLog = plan.deletes.some(({ dirtyLog }) => dirtyLog);
    const mustPause = losesLog || hasGap(plan);
    if (mustPause) this.#options.pause?.();
    try {
      this.#fetchDirtyLogs(plan.deletes);
      this.#take(prepared);
    } finally {
      if (mustPause) this.#options.resume?.();
    }
  }

  #take({ steps }: NumberedPlan): void {
    const { inEffect, error, undoFailures } = carryOut(this.#vm, this.#addressSpaceId, steps);
    const gone: MemorySlot[] = [];
    const fresh: MemorySlot[] = [];
    for (const { from, to } of inEffect) {
      if (from !== undefined) gone.push(from);
      if (to !== undefined) fresh.push(to);
    }
    if (error === undefined) this.#mapped.installed(gone, fresh);
    else this.#mapped.replaced(gone, fresh);
    for (const step of inEffect) this.#number(step);
    if (error === undefined) return;
    if (undoFailures.length === 0) throw error;
    this.#damaged.push(...gone, ...fresh);
    throw withUndoFailures(error, undoFailures);
  }

  /** A slot that moves or changes keeps its number. */
  #number({ from, to }: SlotStep): void {
    const number = (to ?? from)?.slot;
    if (number === undefined) return;
    this.#byNumber[number] = to;
    if (from === undefined) this.#numbers.take(number);
    if (to === undefined) this.#numbers.release(number);
  }

  #fetchDirtyLogs(slots: readonly MemorySlot[]): void {
    const watched = slots.filter(({ dirtyLog }) => dirtyLog);
    if (watched.length === 0) return;
    const { emptyDirtyRings } = this.#options;
    if (emptyDirtyRings !== undefined) {
      emptyDirtyRings();
      return;
    }
    for (const slot of watched) this.#dirtyLog.fetch(slot, this.#mapped.rangesTouching(slot));
  }

  #assertOnly(space: AddressSpace): void {
    this.#space ??= space;
    if (this.#space === space) return;
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `${this.name} shows ${this.#space.label} to the guest; ${space.label} needs slots of its own`,
    );
  }
}
