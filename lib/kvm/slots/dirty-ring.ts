import { FlatviewError } from '../../errors.js';

/** struct kvm_dirty_gfn: sizes and places in bytes. */
const layout = { bytes: 16, flags: 0, slot: 4, page: 8 } as const;

/** The states of an entry. */
const state = { dirty: 1, harvested: 2 } as const;

/** Which page of what a vCPU's descriptor maps is the first of its ring: KVM_DIRTY_LOG_PAGE_OFFSET. */
const firstPage = 64;

/** The kernel takes 32 bits of a ring's size in bytes, and forgets the others. */
const mostEntries = 2 ** 32 / layout.bytes - 1;

/**
 * Bytes of a ring of so many entries; what of these the kernel can make a ring of is for it to say.
 *
 * @throws `ERR_INVALID_ARGUMENT`: the kernel can't even be asked.
 */
export function dirtyRingBytes(entries: number): number {
  if (Number.isInteger(entries) && entries >= 0 && entries <= mostEntries) {
    return entries * layout.bytes;
  }
  throw new FlatviewError('ERR_INVALID_ARGUMENT', `a dirty ring of ${entries} entries`);
}

/**
 * A page that the guest wrote.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { type DirtyPage, KvmMemorySlots } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const vram = topology.ram('vga.vram', 0x100_0000n);
 * const memory = topology.addressSpace('memory', vram);
 * vram.setDirtyLog('vga', true);
 *
 * const vm = new SimulatedKvm({ dirtyRing: true });
 * const emptyDirtyRings = (): void => {
 *   // Of the real KVM: harvestDirtyPages() of each vCPU, then VirtualMachine.resetDirtyRings().
 *   const pages: readonly DirtyPage[] = vm.takeDirtyRing();
 *   for (const { slot, page } of pages) slots.markWritten(slot, page);
 * };
 * const slots = new KvmMemorySlots(vm, { emptyDirtyRings });
 * memory.addListener(slots);
 *
 * vm.write(0x3008n, 4, 0xff_ffffn); // the guest draws
 * topology.syncDirtyLog();
 * vram.dirtyPages.isDirty('vga', 0x3000n, 0x1000n); // => true
 * vram.dirtyPages.isDirty('vga', 0x4000n, 0x1000n); // => false
 * topology.close();
 * ```
 */
export interface DirtyPage {
  /** As in {@link UserMemoryRegion.slot}. */
  readonly slot: number;
  /** Number of the page within the slot. */
  readonly page: bigint;
}

/**
 * A vCPU's ring of pages that it wrote (KVM_CAP_DIRTY_LOG_RING). The kernel adds; this side harvests in the same order
 * and marks what it has taken; {@link VirtualMachine.resetDirtyRings} gives that back.
 */
export class DirtyRing {
  readonly #entries: Uint32Array;
  readonly #pages: BigUint64Array;
  #next = 0;

  /** @param window What the vCPU's descriptor maps. */
  constructor(window: ArrayBuffer, bytes: number, pageSize: number) {
    this.#entries = new Uint32Array(window, firstPage * pageSize, bytes / 4);
    this.#pages = new BigUint64Array(window, firstPage * pageSize, bytes / 8);
  }

  /** The pages since the last time, in the order in which they were written first. */
  harvest(): DirtyPage[] {
    const pages: DirtyPage[] = [];
    for (;;) {
      const word = (this.#next * layout.bytes) / 4;
      // Reading the state orders what follows: the kernel writes it last.
      if (Atomics.load(this.#entries, word + layout.flags / 4) !== state.dirty) return pages;
      const slot = this.#entries[word + layout.slot / 4] ?? 0;
      pages.push({ slot, page: this.#pages[(word * 4 + layout.page) / 8] ?? 0n });
      Atomics.store(this.#entries, word + layout.flags / 4, state.harvested);
      this.#next = (this.#next + 1) % (this.#entries.byteLength / layout.bytes);
    }
  }
}
