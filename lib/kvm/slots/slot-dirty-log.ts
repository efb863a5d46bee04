import { endOf } from '../../mapping/page-mapping.js';
import { markWritten, type Pages, writtenPages } from '../../mapping/written-pages.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import { type KvmVm, kvmCapability, manualDirtyLogProtect } from '../kvm-interface.js';
import { type MemorySlot, slotId } from './slot-step.js';

/** Pages that KVM_CLEAR_DIRTY_LOG takes at once: a word of the bitmap. */
const pagesPerWord = 64;

/** The dirty logs of slots: carries what the guest wrote to the regions that it belongs to. */
export class SlotDirtyLog {
  readonly #vm: KvmVm;
  readonly #addressSpaceId: number;
  readonly #isManual: boolean;
  /** Where the kernel writes a slot's bitmap; grows. */
  #scratch = new BigUint64Array(0);
  /** With manual protection: the pages that were reported and are not watched since. */
  readonly #unwatched = new WeakMap<MemorySlot, BigUint64Array>();

  /**
   * @param isManual Whether written pages are watched again only when {@link clear} says so
   *   (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2); where the kernel can't, they are watched again at once.
   */
  constructor(vm: KvmVm, addressSpaceId: number, isManual: boolean) {
    this.#vm = vm;
    this.#addressSpaceId = addressSpaceId;
    const offered = isManual ? vm.checkExtension(kvmCapability.manualDirtyLogProtect2) : 0;
    this.#isManual = offered !== 0;
    if (!this.#isManual) return;
    const wanted = manualDirtyLogProtect.enable | manualDirtyLogProtect.initiallySet;
    vm.enableCapability(kvmCapability.manualDirtyLogProtect2, BigInt(offered & wanted));
  }

  /**
   * Reads which pages of `slot` were written (KVM_GET_DIRTY_LOG), and marks them in the regions of `ranges`, which are
   * those that it shows.
   */
  fetch(slot: MemorySlot, ranges: readonly FlatRange[]): void {
    const bitmap = this.#read(slot);
    const { pageSize } = this.#vm;
    for (const { first, end } of writtenPages(bitmap)) {
      const address = slot.address + BigInt(first) * pageSize;
      const pages = { address, size: BigInt(end - first) * pageSize };
      for (const range of ranges) markWritten(range, pages);
    }
    if (this.#isManual) this.#unwatched.set(slot, bitmap.slice());
  }

  /** Has the pages of `slot` that lie in `size` bytes at `address` watched again (KVM_CLEAR_DIRTY_LOG). */
  clear(slot: MemorySlot, address: bigint, size: bigint): void {
    const unwatched = this.#unwatched.get(slot);
    if (unwatched === undefined) return;
    const { pageSize } = this.#vm;
    const from = address > slot.address ? address - slot.address : 0n;
    const to = (address + size < endOf(slot) ? address + size : endOf(slot)) - slot.address;
    const pages = { first: Number(from / pageSize), end: Number((to + pageSize - 1n) / pageSize) };
    const firstWord = Math.floor(pages.first / pagesPerWord);
    const bits = takeBits(unwatched, pages);
    if (bits.every((word) => word === 0n)) return;
    const firstPage = firstWord * pagesPerWord;
    const count = Math.min(bits.length * pagesPerWord, Number(slot.size / pageSize) - firstPage);
    const id = slotId(slot.slot, this.#addressSpaceId);
    this.#vm.clearDirtyLog(id, BigInt(firstPage), count, bits);
  }

  #read(slot: MemorySlot): BigUint64Array {
    const words = Math.ceil(Number(slot.size / this.#vm.pageSize) / pagesPerWord);
    if (this.#scratch.length < words) this.#scratch = new BigUint64Array(words);
    const bitmap = this.#scratch.subarray(0, words);
    bitmap.fill(0n);
    this.#vm.getDirtyLog(slotId(slot.slot, this.#addressSpaceId), bitmap);
    return bitmap;
  }
}

/** Takes the bits of `pages` out of `bitmap`: the words that have them, with no others. */
function takeBits(bitmap: BigUint64Array, { first, end }: Pages): BigUint64Array {
  const firstWord = Math.floor(first / pagesPerWord);
  const taken = bitmap.slice(firstWord, Math.ceil(end / pagesPerWord));
  for (const [i, bits] of taken.entries()) {
    const start = (firstWord + i) * pagesPerWord;
    const low = BigInt(Math.max(first - start, 0));
    const high = BigInt(Math.min(end - start, pagesPerWord));
    const mask = ((1n << high) - 1n) & ~((1n << low) - 1n);
    taken[i] = bits & mask;
    bitmap[firstWord + i] = bits & ~mask;
  }
  return taken;
}
