import { FlatviewError, withUndoFailures } from '../errors.js';
import { mapPages } from '../mapping/map-pages.js';
import { MappedSpace } from '../mapping/mapped-space.js';
import { isEmptyPlan, type MappingPlan, planCost } from '../mapping/mapping-plan.js';
import type { MappingRules } from '../mapping/mapping-rules.js';
import type { AddressRange } from '../mapping/page-mapping.js';
import { common } from '../mapping/sorted-ranges.js';
import type { AddressSpace } from '../memory/address-space.js';
import type { FlatRange } from '../memory/flat-view.js';
import type { MemoryListener } from '../memory/memory-listener.js';
import type { MemoryRegionSection } from '../memory/section.js';
import { findGuestAddressLimit } from './guest-address-limit.js';
import { type KvmVm, kvmCapability } from './kvm-interface.js';
import { type NumberedPlan, numbered, outOfSlots } from './numbered-plan.js';
import { SlotDirtyLog } from './slot-dirty-log.js';
import { SlotNumbers } from './slot-numbers.js';
import { carryOut, type MemorySlot, slotId } from './slot-step.js';
import { mappedVerdict, refusedVerdict, type SlotVerdict } from './slot-verdict.js';

/** What {@link KvmMemorySlots} can be told. */
export interface KvmMemorySlotsOptions {
  /** The address space of KVM that the slots go to: 1 is what x86 sees in system-management mode. Default: 0. */
  readonly addressSpaceId?: number;
  /**
   * Called before and after a batch in which a page that is mapped before and after is unmapped for a moment, or a
   * dirty log could miss a write: in between no vCPU may run. Without it a guest can see the gap.
   */
  readonly pause?: () => void;
  readonly resume?: () => void;
  /** Called with each plan before anything is done about it; what it throws refuses the commit. */
  readonly review?: (plan: MappingPlan<MemorySlot>) => void;
  /**
   * Whether written pages are watched again only after {@link MemoryTopology.clearDirtyLog}, where the kernel can: for
   * migrations, which then copy no page twice for nothing. Default: false.
   */
  readonly manualDirtyLog?: boolean;
  /**
   * Whether memory that shows at another address takes its slot along; else it gets a new one. Kernels refuse moves
   * (EINVAL) while a device of the host watches guest pages, as KVMGT does. Default: true.
   */
  readonly move?: boolean;
  /** Bytes of guest-physical addresses, a power of two. Default: found out by trying. */
  readonly guestAddressLimit?: bigint;
}

/** KVM's pages are 4 KiB or more, so this is the largest power of two that a slot can hold: 2^30 pages. */
const largestSlotPages = 1n << 30n;

/** What a kernel has that doesn't say. */
const fewestSlots = 32;

/**
 * Shows an address space to the guest: keeps KVM's memory slots in step with the flat view.
 *
 * All that a commit changes is planned and then done at once, in the listener's `commit`: deletes, moves, adds. When
 * the kernel refuses, what was done is undone, and the commit fails. What can't be a slot stays with its reason; an
 * access there exits to the embedder.
 *
 * One object serves one address space.
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
  #numbers: SlotNumbers;
  #space: AddressSpace | undefined;
  /** Where undoing failed: what is installed there is not what is wanted. */
  #damaged: AddressRange[] = [];

  /**
   * @throws `ERR_SYSTEM_CALL`; `ERR_INVALID_ARGUMENT`: the VM has no such address space, or the limit is not a power of
   *   two.
   */
  constructor(vm: KvmVm, options: KvmMemorySlotsOptions = {}) {
    const { addressSpaceId = 0, manualDirtyLog = false } = options;
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
    const limit = options.guestAddressLimit ?? findGuestAddressLimit(vm, lastSlot);
    this.#mapped = new MappedSpace<MemorySlot>(rulesOf(vm, limit), {
      canMove: options.move ?? true,
    });
    this.#dirtyLog = new SlotDirtyLog(vm, addressSpaceId, manualDirtyLog);
  }

  /** The slots that are installed, in order of their guest addresses. */
  get slots(): readonly MemorySlot[] {
    return this.#mapped.mappings;
  }

  regionAdd(section: MemoryRegionSection): void {
    if (!this.#mapped.rules.kinds.has(section.region.kind)) return;
    this.#assertOnly(section.addressSpace);
    this.#mapped.add(section);
  }

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
      const prepared = this.#prepare();
      if (isEmptyPlan(prepared.plan)) this.#mapped.installed([], []);
      else this.#carryOut(prepared);
    } finally {
      this.#mapped.forget();
    }
    this.#damaged = [];
    if (this.#mapped.ranges.length === 0) this.#space = undefined;
  }

  logSync(section: MemoryRegionSection): void {
    for (const slot of this.#mapped.mappingsTouching(section)) this.#fetchDirtyLog(slot);
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

  #verdictsOf(range: FlatRange): SlotVerdict[] {
    if (!this.#mapped.rules.kinds.has(range.region.kind)) {
      return mapPages([range], this.#mapped.rules).refusals.map(refusedVerdict);
    }
    const slots = this.#mapped
      .mappingsTouching(range)
      .map((slot) => mappedVerdict(slot, common(slot, range)));
    const refusals = this.#mapped.refusals(range).filter((it) => range.contains(it.range.address));
    return [...slots, ...refusals.map(refusedVerdict)].sort((a, b) => (a.first < b.first ? -1 : 1));
  }

  /** What is to be done: with as few slots as can be, where there are too few for leaving all others alone. */
  #prepare(): NumberedPlan {
    const plan = this.#mapped.plan(this.#damaged);
    const prepared = numbered(plan, this.#numbers);
    if (prepared !== undefined) return prepared;
    const anew = this.#mapped.plan([], { exact: true });
    const merged = numbered(anew, this.#numbers);
    if (merged !== undefined) return merged;
    throw outOfSlots(this.slotLimit, [...this.slots], anew);
  }

  #carryOut(prepared: NumberedPlan): void {
    const { plan } = prepared;
    this.#options.review?.(plan);
    const losesLog = plan.deletes.some(({ dirtyLog }) => dirtyLog);
    const mustPause = losesLog || planCost(plan).hasGap;
    if (mustPause) this.#options.pause?.();
    try {
      for (const slot of plan.deletes) this.#fetchDirtyLog(slot);
      this.#take(prepared);
    } finally {
      if (mustPause) this.#options.resume?.();
    }
  }

  #take({ steps, numbers }: NumberedPlan): void {
    const { inEffect, error, undoFailures } = carryOut(this.#vm, this.#addressSpaceId, steps);
    if (error !== undefined) this.#mapped.forget();
    this.#mapped.installed(
      inEffect.flatMap(({ from }) => from ?? []),
      inEffect.flatMap(({ to }) => to ?? []),
    );
    if (error === undefined) {
      this.#numbers = numbers;
      return;
    }
    if (undoFailures.length === 0) throw error;
    this.#numbers = SlotNumbers.except(
      this.slots.map(({ slot }) => slot),
      this.slotLimit,
    );
    this.#damaged.push(...inEffect.flatMap(({ from, to }) => [from ?? [], to ?? []].flat()));
    throw withUndoFailures(error, undoFailures);
  }

  #fetchDirtyLog(slot: MemorySlot): void {
    if (slot.dirtyLog) this.#dirtyLog.fetch(slot, this.#mapped.rangesTouching(slot));
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

function rulesOf(vm: KvmVm, guestAddressLimit: bigint): MappingRules {
  const { pageSize } = vm;
  return {
    pageSize,
    largestMapping: largestSlotPages * pageSize,
    kinds: new Set(['ram', 'rom', 'ram-device', 'rom-device']),
    canMapReadonly: vm.checkExtension(kvmCapability.readonlyMem) > 0,
    windows: [{ address: 0n, size: guestAddressLimit }],
  };
}
