import { rangeLayout } from '../../native/engine-addon.js';
import type { FlatRange } from './flat-view.js';

/**
 * How many slots there are at first: arrays so short cost next to nothing. And at most: those take 6 MiB, and hold as
 * many ranges. Powers of two.
 */
const slotCount = { first: 2 ** 2, most: 2 ** 18 } as const;

/**
 * The words of a slot: which page or block it is about, as two halves of its number; and between which offsets of the
 * page the range or hole lies. Signed, so that comparing them takes no conversion.
 */
const slotWord = { low: 0, high: 1, first: 2, last: 3, count: 4 } as const;

/** The upper half of a page's number has 20 bits, that of a block's 8 and this one. */
const blockFlag = 1 << 30;
/** No slot; and the number in an empty one. */
const none = -1;

const pageMask = 0xfff;
const blockMask = 0xff_ffff;

/**
 * What was found lately in one flat view, ranges and holes, as a processor's TLB remembers translations: by the page of
 * 4 KiB, or by the block of 16 MiB where one range or hole fills all of it. Several share a slot, and the last one has
 * it. Addresses are two halves of 32 bits: comparing bigints would take longer than all the rest.
 *
 * It grows as long as it is too small for those who look things up, so that a view which is soon replaced costs little.
 */
export class RangeCache {
  #slots: Int32Array = emptySlots(slotCount.first);
  #ranges: (FlatRange | undefined)[] = noRanges(slotCount.first);
  /** How many bits of a hash are left out. */
  #shift = 32 - Math.log2(slotCount.first);
  #evictions = 0;

  /** The slot that says what is at an address, for {@link at}; below 0 if there is none. */
  find(low: number, high: number): number {
    const page = this.#slotOf(pageLow(low, high), pageHigh(high));
    if (page < 0) return this.#slotOf(blockLow(low, high), blockHigh(high));
    const offset = low & pageMask;
    const first = this.#slots[page * slotWord.count + slotWord.first] ?? 0;
    const last = this.#slots[page * slotWord.count + slotWord.last] ?? 0;
    return offset >= first && offset <= last ? page : none;
  }

  /** What a slot says; `undefined` is a hole. */
  at(slot: number): FlatRange | undefined {
    return this.#ranges[slot];
  }

  /**
   * Keeps what was found at an address.
   *
   * @param range `undefined` for a hole.
   * @param found Begins with the first and the last address of it, in halves ({@link rangeLayout}).
   */
  put(low: number, high: number, range: FlatRange | undefined, found: Uint32Array): void {
    // As much of it as lies in the same 4 GiB: no page or block reaches beyond.
    const isBelow = found[rangeLayout.first * 2 + 1] !== high;
    const isAbove = found[rangeLayout.last * 2 + 1] !== high;
    const first = isBelow ? 0 : (found[rangeLayout.first * 2] ?? 0);
    const last = isAbove ? 2 ** 32 - 1 : (found[rangeLayout.last * 2] ?? 0);
    const block = (low & ~blockMask) >>> 0;
    if (first <= block && last >= block + blockMask) {
      this.#fill(blockLow(low, high), blockHigh(high), range);
      return;
    }
    const page = (low & ~pageMask) >>> 0;
    const slot = this.#fill(pageLow(low, high), pageHigh(high), range);
    this.#slots[slot * slotWord.count + slotWord.first] = Math.max(first - page, 0);
    this.#slots[slot * slotWord.count + slotWord.last] = Math.min(last - page, pageMask);
  }

  /** The slot of the page or block with this number; {@link none} if it has none. */
  #slotOf(numberLow: number, numberHigh: number): number {
    const slot = hash(numberLow, numberHigh) >>> this.#shift;
    const at = slot * slotWord.count;
    const isIts =
      this.#slots[at + slotWord.low] === numberLow &&
      this.#slots[at + slotWord.high] === numberHigh;
    return isIts ? slot : none;
  }

  /** Gives the page or block with this number a slot, and returns that. */
  #fill(numberLow: number, numberHigh: number, range: FlatRange | undefined): number {
    if (this.#evictions > this.#ranges.length && this.#ranges.length < slotCount.most) this.#grow();
    const slot = hash(numberLow, numberHigh) >>> this.#shift;
    const at = slot * slotWord.count;
    if (this.#slots[at + slotWord.high] !== none) this.#evictions++;
    this.#slots[at + slotWord.low] = numberLow;
    this.#slots[at + slotWord.high] = numberHigh;
    this.#ranges[slot] = range;
    return slot;
  }

  #grow(): void {
    const count = this.#ranges.length * 2;
    this.#slots = emptySlots(count);
    this.#ranges = noRanges(count);
    this.#shift--;
    this.#evictions = 0;
  }
}

function emptySlots(count: number): Int32Array {
  return new Int32Array(count * slotWord.count).fill(none);
}

function noRanges(count: number): undefined[] {
  return new Array<undefined>(count).fill(undefined);
}

function pageLow(low: number, high: number): number {
  return (low >>> 12) | (high << 20);
}

function pageHigh(high: number): number {
  return high >>> 12;
}

function blockLow(low: number, high: number): number {
  return (low >>> 24) | (high << 8);
}

function blockHigh(high: number): number {
  return (high >>> 24) | blockFlag;
}

/** 32 bits, of which the upper ones are to be used: neighbouring numbers go far apart (Knuth's multiplicative hashing). */
function hash(numberLow: number, numberHigh: number): number {
  return Math.imul(numberLow ^ (numberHigh << 16), 0x9e37_79b1);
}
