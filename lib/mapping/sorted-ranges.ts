import { type AddressRange, endOf } from './page-mapping.js';

/** As many changes are spliced in one by one; with more the array is made anew. */
const fewChanges = 16;

/** Ranges in ascending order, none overlapping another. */
export class SortedRanges<Range extends AddressRange> {
  #ranges: Range[] = [];

  get all(): readonly Range[] {
    return this.#ranges;
  }

  /** The range that holds `address`. */
  at(address: bigint): Range | undefined {
    const range = this.#ranges[this.#firstEndingBehind(address)];
    return range !== undefined && range.address <= address ? range : undefined;
  }

  /** The ranges that have an address in common with `window`. */
  touching(window: AddressRange): Range[] {
    const end = endOf(window);
    const found: Range[] = [];
    for (let i = this.#firstEndingBehind(window.address); i < this.#ranges.length; i++) {
      const range = this.#ranges[i];
      if (range === undefined || range.address >= end) break;
      found.push(range);
    }
    return found;
  }

  /** Takes out ranges that are in it, known by their addresses, and puts in ranges where there is room then. */
  replace(gone: readonly AddressRange[], fresh: readonly Range[]): void {
    if (gone.length + fresh.length <= fewChanges) {
      for (const { address } of gone) this.#ranges.splice(this.#firstEndingBehind(address), 1);
      for (const range of fresh) {
        this.#ranges.splice(this.#firstEndingBehind(range.address), 0, range);
      }
      return;
    }
    const addresses = new Set(gone.map(({ address }) => address));
    const kept = this.#ranges.filter(({ address }) => !addresses.has(address));
    this.#ranges = inOrder([...kept, ...fresh]);
  }

  #firstEndingBehind(address: bigint): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#ranges[middle];
      if (range !== undefined && endOf(range) <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** `ranges` in ascending order. */
export function inOrder<Range extends AddressRange>(ranges: readonly Range[]): Range[] {
  return [...ranges].sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** The pairs of a range of `a` and a range of `b` that overlap. Both are in order and don't overlap in themselves. */
export function overlaps<A extends AddressRange, B extends AddressRange>(
  a: readonly A[],
  b: readonly B[],
): (readonly [A, B])[] {
  const pairs: (readonly [A, B])[] = [];
  for (let i = 0, k = 0; ; ) {
    const one = a[i];
    const other = b[k];
    if (one === undefined || other === undefined) return pairs;
    const oneEnd = endOf(one);
    const otherEnd = endOf(other);
    if (one.address < otherEnd && other.address < oneEnd) pairs.push([one, other]);
    if (oneEnd <= otherEnd) i++;
    else k++;
  }
}

/** The addresses that two ranges have in common; where there are none, the size is 0 or negative. */
export function common(a: AddressRange, b: AddressRange): AddressRange {
  const start = a.address > b.address ? a.address : b.address;
  const end = endOf(a) < endOf(b) ? endOf(a) : endOf(b);
  return { address: start, size: end - start };
}

/** The parts of `ranges` that lie in none of `covers`. Both are in order and don't overlap in themselves. */
export function uncovered<Range extends AddressRange>(
  ranges: readonly Range[],
  covers: readonly AddressRange[],
): { readonly range: Range; readonly start: bigint; readonly end: bigint }[] {
  const pairs = overlaps(ranges, covers);
  const parts: { range: Range; start: bigint; end: bigint }[] = [];
  let next = 0;
  for (const range of ranges) {
    let start = range.address;
    for (let pair = pairs[next]; pair?.[0] === range; pair = pairs[++next]) {
      const cover = pair[1];
      if (start < cover.address) parts.push({ range, start, end: cover.address });
      start = endOf(cover);
    }
    if (start < endOf(range)) parts.push({ range, start, end: endOf(range) });
  }
  return parts;
}

/** As few ranges as cover the same addresses, in order. */
export function united(ranges: readonly AddressRange[]): AddressRange[] {
  const union: AddressRange[] = [];
  for (const range of inOrder(ranges)) {
    const last = union.at(-1);
    if (last === undefined || endOf(last) < range.address) union.push(range);
    else if (endOf(last) < endOf(range)) {
      union[union.length - 1] = { address: last.address, size: endOf(range) - last.address };
    }
  }
  return union;
}
