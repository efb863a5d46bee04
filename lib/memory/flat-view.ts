import { type AddressLike, toAddress, wholeRange } from '../address.js';
import { addon, exchange } from '../native/addon.js';
import { noRegion, rangeField, rangeFlag, rangeLayout } from '../native/engine-addon.js';
import type { MemoryRegion } from './memory-region.js';
import type { RegionsById } from './region-table.js';

/** How many ranges are fetched at a time when iterating: few at first, because often only the first one is wanted. */
const chunkRanges = { first: 2, most: 64 };

/** A stretch of addresses where one part of one region answers. Immutable. */
export class FlatRange {
  /** First address, in bytes. */
  readonly address: bigint;
  /** Size in bytes, 1 to 2^64. */
  readonly size: bigint;
  /** The region that answers. */
  readonly region: MemoryRegion;
  /** Offset within the region of the first address, in bytes. */
  readonly offset: bigint;
  /** What the attributes below are made from: the flags of the engine's record. */
  readonly #attributes: number;

  /** @internal */
  constructor(
    address: bigint,
    size: bigint,
    region: MemoryRegion,
    offset: bigint,
    attributes: number,
  ) {
    this.address = address;
    this.size = size;
    this.region = region;
    this.offset = offset;
    this.#attributes = attributes;
  }

  /** Last address, inclusive. */
  get last(): bigint {
    return this.address + this.size - 1n;
  }

  /** Read-only by the region itself or by a container or alias that shows it here. */
  get readonly(): boolean {
    return (this.#attributes & rangeFlag.readonly) !== 0;
  }

  /** Nonvolatile memory, by the region itself or by a container or alias that shows it here. */
  get nonvolatile(): boolean {
    return (this.#attributes & rangeFlag.nonvolatile) !== 0;
  }

  /** Reads come from memory; means something for rom devices only. */
  get romd(): boolean {
    return (this.#attributes & rangeFlag.romd) !== 0;
  }

  /** Never merged with a neighbour, even where it continues it. */
  get unmergeable(): boolean {
    return (this.#attributes & rangeFlag.unmergeable) !== 0;
  }

  /** Clients of the dirty log that watch this range, as bits of `dirtyLogClients`. */
  get dirtyLogMask(): number {
    const { shift, mask } = rangeField.dirtyLogMask;
    return (this.#attributes >>> shift) & mask;
  }

  /** @internal The engine's attribute bits of this range. */
  get attributes(): number {
    return this.#attributes;
  }

  /** @internal This range as it is when other clients watch it: `mask` has bits of `dirtyLogClients`. */
  withDirtyLogMask(mask: number): FlatRange {
    const { shift, mask: field } = rangeField.dirtyLogMask;
    const attributes = (this.#attributes & ~(field << shift)) | ((mask & field) << shift);
    return new FlatRange(this.address, this.size, this.region, this.offset, attributes);
  }

  /** Whether `address` lies in this range. */
  contains(address: bigint): boolean {
    return address >= this.address && address - this.address < this.size;
  }
}

/**
 * What an address space looked like at one moment: ranges in ascending order, none overlapping another. Immutable:
 * it stays as it is while the tree goes on changing. Address spaces that show the same region share one.
 */
export class FlatView {
  /** The region that was rendered, after short cuts; `undefined` for the empty view. */
  readonly root: MemoryRegion | undefined;
  /** How many ranges there are. */
  readonly rangeCount: number;
  readonly #handle: number;
  readonly #regions: RegionsById;
  /** The range that was found last: accesses come in runs. */
  #recent: FlatRange | undefined;

  /** @internal Takes over `handle`, which is released when this object is collected. */
  constructor(handle: number, regions: RegionsById) {
    this.#handle = handle;
    this.#regions = regions;
    this.rangeCount = addon.viewRangeCount(handle);
    const root = addon.viewRoot(handle);
    this.root = root === noRegion ? undefined : regions[root];
    released.register(this, handle);
  }

  /** All ranges, ascending. */
  ranges(): IterableIterator<FlatRange> {
    return this.from(0n);
  }

  /**
   * The ranges that end at `address` or behind it, ascending: the first one holds `address` or is the next above.
   *
   * @throws `ERR_ADDRESS_RANGE` unless it is an integer of 0 to 2^64 - 1.
   */
  *from(address: AddressLike): IterableIterator<FlatRange> {
    let next = toAddress(address, 'address');
    for (let wanted = chunkRanges.first; ; wanted = Math.min(wanted * 4, chunkRanges.most)) {
      const count = addon.viewRanges(this.#handle, next, wanted);
      const chunk: FlatRange[] = [];
      for (let i = 0; i < count; i++) chunk.push(decodeRange(i * rangeLayout.words, this.#regions));
      yield* chunk;
      const end = chunk.at(-1);
      if (count < wanted || end === undefined) return;
      next = end.address + end.size;
      if (next === wholeRange) return;
    }
  }

  /**
   * The range that holds `address`; `undefined` where nothing answers.
   *
   * @throws `ERR_ADDRESS_RANGE` unless it is an integer of 0 to 2^64 - 1.
   */
  lookup(address: AddressLike): FlatRange | undefined {
    const wanted = toAddress(address, 'address');
    if (this.#recent?.contains(wanted)) return this.#recent;
    if (addon.viewLookup(this.#handle, wanted) === 0) return undefined;
    this.#recent = decodeRange(0, this.#regions);
    return this.#recent;
  }

  [Symbol.iterator](): IterableIterator<FlatRange> {
    return this.ranges();
  }
}

/** Releases the engine's snapshot when nobody holds the view any more. */
const released: FinalizationRegistry<number> = new FinalizationRegistry((handle) =>
  addon.viewRelease(handle),
);

/** @internal The range whose record starts at word `at` of the exchange buffer. */
export function decodeRange(at: number, regions: RegionsById): FlatRange {
  const { words, halves } = exchange;
  const first = words[at + rangeLayout.first] ?? 0n;
  const last = words[at + rangeLayout.last] ?? 0n;
  const offset = words[at + rangeLayout.offset] ?? 0n;
  const id = halves[at * 2 + rangeLayout.region] ?? noRegion;
  const attributes = halves[at * 2 + rangeLayout.attributes] ?? 0;
  const region = regions[id];
  if (region === undefined) throw new Error(`the engine shows region ${id}, which does not exist`);
  return new FlatRange(first, last - first + 1n, region, offset, attributes);
}
