import type { FlatRange } from './flat-view.js';

/** How many slots there are at first, and at most: those hold megabytes of ranges. Powers of two. */
const slotCount = { first: 2 ** 4, most: 2 ** 15 };

/**
 * Ranges of one flat view that were found lately, by the page of 4 KiB that they were found in. Several pages share a
 * slot, and the last one has it.
 *
 * It grows as long as it is too small for those who look things up, so that a view which is soon replaced costs little;
 * and it gives up where that doesn't help: where wide ranges are looked up all over, every page is a new one.
 */
export class RangeCache {
  #slots: (FlatRange | undefined)[] = emptySlots(slotCount.first);
  #shift = 32 - Math.log2(slotCount.first);
  #hits = 0;
  #evictions = 0;
  readonly #mostSlots: number;

  /** @param rangeCount Of the view: many more slots than ranges are of no use. */
  constructor(rangeCount: number) {
    this.#mostSlots = Math.min(slotCount.most, rangeCount * 4);
  }

  /** The range that holds `address`, whose 32-bit halves are `low` and `high`, if it is here. */
  find(address: bigint, low: number, high: number): FlatRange | undefined {
    if (this.#slots.length === 0) return undefined;
    const range = this.#slots[slotOf(low, high) >>> this.#shift];
    if (!range?.contains(address)) return undefined;
    this.#hits++;
    return range;
  }

  /** Keeps `range`, which was found at that address. */
  put(low: number, high: number, range: FlatRange): void {
    if (this.#slots.length === 0) return;
    const slot = slotOf(low, high) >>> this.#shift;
    if (this.#slots[slot] !== undefined) this.#evictions++;
    this.#slots[slot] = range;
    if (this.#evictions > this.#slots.length) this.#resize();
  }

  #resize(): void {
    const { length } = this.#slots;
    if (length < this.#mostSlots) {
      this.#slots = emptySlots(length * 2);
      this.#shift--;
    } else if (this.#hits * 4 < this.#evictions) {
      this.#slots = [];
    }
    this.#hits = 0;
    this.#evictions = 0;
  }
}

function emptySlots(count: number): (FlatRange | undefined)[] {
  return new Array<FlatRange | undefined>(count).fill(undefined);
}

/** Of 2^32 slots: neighbouring pages go far apart (Knuth's multiplicative hashing). */
function slotOf(low: number, high: number): number {
  return Math.imul((low >>> 12) ^ (high << 20), 0x9e37_79b1);
}
