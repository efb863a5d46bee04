import type { FlatRange } from './flat-view.js';

/** How many slots there are at first, and at most: those hold megabytes of ranges. Powers of two. */
const slotCount = { first: 2 ** 4, most: 2 ** 15 };

/**
 * Ranges of one flat view that were found lately, by the page of 4 KiB that they were found in. Several pages share a
 * slot, and the last one has it: whoever takes a range out has to look whether it is the one.
 *
 * It grows as long as it is too small for those who look things up, so that a view which is soon replaced costs nothing.
 */
export class RangeCache {
  #slots: (FlatRange | undefined)[] = emptySlots(slotCount.first);
  #shift = 32 - Math.log2(slotCount.first);
  #evictions = 0;
  readonly #mostSlots: number;

  /** @param rangeCount Of the view: many more slots than ranges are of no use. */
  constructor(rangeCount: number) {
    this.#mostSlots = Math.min(slotCount.most, rangeCount * 4);
  }

  /** What was found in the page of the address with the 32-bit halves `low` and `high`, or in another one. */
  at(low: number, high: number): FlatRange | undefined {
    return this.#slots[slotOf(low, high) >>> this.#shift];
  }

  /** Keeps `range`, which was found at that address. */
  put(low: number, high: number, range: FlatRange): void {
    const slot = slotOf(low, high) >>> this.#shift;
    if (this.#slots[slot] !== undefined) this.#evictions++;
    this.#slots[slot] = range;
    if (this.#evictions > this.#slots.length) this.#grow();
  }

  #grow(): void {
    this.#evictions = 0;
    const { length } = this.#slots;
    if (length >= this.#mostSlots) return;
    this.#slots = emptySlots(length * 2);
    this.#shift--;
  }
}

function emptySlots(count: number): (FlatRange | undefined)[] {
  return new Array<FlatRange | undefined>(count).fill(undefined);
}

/** Of 2^32 slots: neighbouring pages go far apart (Knuth's multiplicative hashing). */
function slotOf(low: number, high: number): number {
  return Math.imul((low >>> 12) ^ (high << 20), 0x9e37_79b1);
}
