import { partitionPoint } from '../partition-point.js';
import { type AddressRange, endOf } from './page-mapping.js';

/** A chunk of more ranges is halved. */
const mostInChunk = 128;

/**
 * Ranges in ascending order, none overlapping another: in chunks, so that a change moves few of them however many
 * there are.
 */
export class SortedRanges<Range extends AddressRange> {
  /** Ascending, none of them empty. */
  #chunks: Range[][] = [];
  #count = 0;

  /** All of them, ascending: a new array. */
  get all(): Range[] {
    const ranges: Range[] = [];
    for (const chunk of this.#chunks) ranges.push(...chunk);
    return ranges;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** The range that holds `address`. */
  at(address: bigint): Range | undefined {
    const chunk = this.#chunks[lastUpTo(address, this.#chunks, startOfChunk)];
    const range = chunk?.[lastUpTo(address, chunk, startOfRange)];
    return range !== undefined && address < endOf(range) ? range : undefined;
  }

  /** The ranges that have an address in common with `window`: the first `most` of them. */
  touching(window: AddressRange, most = Number.POSITIVE_INFINITY): Range[] {
    const end = endOf(window);
    const found: Range[] = [];
    const firstChunk = Math.max(0, lastUpTo(window.address, this.#chunks, startOfChunk));
    for (let at = firstChunk; at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at] as Range[];
      const first = Math.max(0, lastUpTo(window.address, chunk, startOfRange));
      for (let index = first; index < chunk.length; index++) {
        const range = chunk[index] as Range;
        if (range.address >= end || found.length >= most) return found;
        if (endOf(range) > window.address) found.push(range);
      }
    }
    return found;
  }

  /** Puts in a range where there is room. */
  add(range: Range): void {
    this.#count++;
    const at = Math.max(0, lastUpTo(range.address, this.#chunks, startOfChunk));
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([range]);
      return;
    }
    chunk.splice(lastUpTo(range.address, chunk, startOfRange) + 1, 0, range);
    if (chunk.length > mostInChunk) this.#chunks.splice(at + 1, 0, chunk.splice(mostInChunk / 2));
  }

  /**
   * Takes out the range that begins at `address`.
   *
   * @returns Whether there was one.
   */
  delete(address: bigint): boolean {
    const at = lastUpTo(address, this.#chunks, startOfChunk);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return false;
    const index = lastUpTo(address, chunk, startOfRange);
    if (chunk[index]?.address !== address) return false;
    chunk.splice(index, 1);
    this.#count--;
    if (chunk.length === 0) this.#chunks.splice(at, 1);
    return true;
  }

  /** Takes out ranges that are in it, known by their addresses, and puts in ranges where there is room then. */
  replace(gone: readonly AddressRange[], fresh: readonly Range[]): void {
    for (const { address } of gone) this.delete(address);
    for (const range of fresh) this.add(range);
  }

  clear(): void {
    this.#chunks = [];
    this.#count = 0;
  }
}

/** The index of the last of `items` that starts at `address` or below it; -1 when there is none. */
function lastUpTo<Item>(
  address: bigint,
  items: readonly Item[],
  startOf: (item: Item) => bigint,
): number {
  return partitionPoint(items.length, (at) => startOf(items[at] as Item) <= address) - 1;
}

function startOfRange(range: AddressRange): bigint {
  return range.address;
}

function startOfChunk(chunk: readonly AddressRange[]): bigint {
  return (chunk[0] as AddressRange).address;
}
