import { type AddressLike, lastAddress, toAddress } from '../../address.js';
import { addon, exchange } from '../../native/addon.js';
import {
  type EngineHandle,
  noRegion,
  rangeField,
  rangeFlag,
  rangeLayout,
  type ViewHandle,
} from '../../native/engine-addon.js';
import type { RegionsById } from '../commit/region-table.js';
import type { MemoryRegion } from '../regions/memory-region.js';
import { RangeCache } from './range-cache.js';

/** How many ranges are fetched at a time when iterating: few at first, because often only the first one is wanted. */
const chunkRanges = { first: 2, most: 64 };

/**
 * A stretch of addresses where one part of one region answers. Immutable.
 *
 * @typeParam Region What is known of the region: on other threads than its own, that is less.
 *
 * @example
 * ```ts
 * import { type FlatRange, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0xfffc_0000n, topology.rom('pc.bios', 0x4_0000n));
 *
 * const { flatView } = topology.addressSpace('memory', system);
 * const at: FlatRange | undefined = flatView.lookup(0xffff_fff0n);
 * [at?.address, at?.last, at?.offset]; // => [0xfffc_0000n, 0xffff_ffffn, 0n]
 * at?.readonly; // => true
 * topology.close();
 * ```
 */
export class FlatRange<Region = MemoryRegion> {
  /** First address, in bytes. */
  readonly address: bigint;
  /** Last address, inclusive. */
  readonly last: bigint;
  /** The region that answers. */
  readonly region: Region;
  /** Offset within the region of the first address, in bytes. */
  readonly offset: bigint;
  /** What the attributes below are made from: the flags of the engine's record. */
  readonly #attributes: number;

  /** @internal */
  constructor(address: bigint, last: bigint, region: Region, offset: bigint, attributes: number) {
    this.address = address;
    this.last = last;
    this.region = region;
    this.offset = offset;
    this.#attributes = attributes;
  }

  /** Size in bytes, 1 to 2^64. */
  get size(): bigint {
    return this.last - this.address + 1n;
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

  /** Whether reads are not let through: never in a flat view; where an IOMMU translates for writing alone. */
  get writeonly(): boolean {
    return false;
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
  withDirtyLogMask(mask: number): FlatRange<Region> {
    const { shift, mask: field } = rangeField.dirtyLogMask;
    const attributes = (this.#attributes & ~(field << shift)) | ((mask & field) << shift);
    return new FlatRange(this.address, this.last, this.region, this.offset, attributes);
  }

  /** @internal The part from `address` up to `last`, which must lie within this range. */
  part(address: bigint, last: bigint): FlatRange<Region> {
    const offset = this.offset + (address - this.address);
    return new FlatRange(address, last, this.region, offset, this.#attributes);
  }

  /** Whether `address` lies in this range. */
  contains(address: bigint): boolean {
    return address >= this.address && address <= this.last;
  }
}

/**
 * What an address space looked like at one moment: ranges in ascending order, none overlapping another. Immutable:
 * it stays as it is while the tree goes on changing. Address spaces that show the same region share one.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x10_0000n));
 * const vga = topology.io('vga', 0x2_0000n, {});
 * system.addSubregion(0xa_0000n, vga, { priority: 1 });
 *
 * const view = topology.addressSpace('memory', system).flatView;
 * [...view.ranges()].map(({ region }) => region.name); // => ['pc.ram', 'vga', 'pc.ram']
 * vga.enabled = false;
 * view.lookup(0xa_0000n)?.region.name; // => 'vga'
 * topology.close();
 * ```
 */
export class FlatView {
  readonly #handle: number;
  #regions: RegionsById;
  #cache: RangeCache = new RangeCache();

  /**
   * @internal
   * @param handle Is taken over, and released when this object is collected.
   * @param collected Called then. Must not refer to this object.
   */
  constructor(handle: ViewHandle, regions: RegionsById, collected?: () => void) {
    this.#handle = handle;
    this.#regions = regions;
    collections.register(this, { handle, collected });
  }

  /**
   * @internal Shows what address space `id` shows now. For a view that is no snapshot for anybody: the engine's own
   * (`Engine.borrowView`).
   */
  renew(engine: EngineHandle, id: number, regions: RegionsById): void {
    this.#regions = regions;
    if (!addon.viewRenew(this.#handle, engine, id)) return;
    this.#cache = new RangeCache();
  }

  /** The region that was rendered, after short cuts; `undefined` for the empty view. */
  get root(): MemoryRegion | undefined {
    return this.#regions[addon.viewRoot(this.#handle)];
  }

  /** How many ranges there are. */
  get rangeCount(): number {
    return addon.viewRangeCount(this.#handle);
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
      if (end.last === lastAddress) return;
      next = end.last + 1n;
    }
  }

  /**
   * The range that holds `address`; `undefined` where nothing answers.
   *
   * @throws `ERR_ADDRESS_RANGE` unless it is an integer of 0 to 2^64 - 1.
   */
  lookup(address: AddressLike): FlatRange | undefined {
    const { words, halves } = exchange;
    words[0] = toAddress(address, 'address');
    const low = halves[0] ?? 0;
    const high = halves[1] ?? 0;
    const slot = this.#cache.find(low, high);
    if (slot >= 0) return this.#cache.at(slot);
    addon.viewLookup(this.#handle);
    const isHole = halves[rangeLayout.region] === noRegion;
    const found = isHole ? undefined : decodeRange(0, this.#regions);
    this.#cache.put(low, high, found, halves);
    return found;
  }

  /** As {@link ranges}, from the first. */
  [Symbol.iterator](): IterableIterator<FlatRange> {
    return this.ranges();
  }
}

/** Releases the engine's snapshot when nobody holds the view any more. */
const collections: FinalizationRegistry<{
  readonly handle: ViewHandle;
  readonly collected: (() => void) | undefined;
}> = new FinalizationRegistry(({ handle, collected }) => {
  addon.viewRelease(handle);
  collected?.();
});

/** @internal The range whose record starts at word `at` of the exchange buffer. */
export function decodeRange<Region>(
  at: number,
  regions: readonly (Region | undefined)[],
): FlatRange<Region> {
  const { words, halves } = exchange;
  const first = words[at + rangeLayout.first] ?? 0n;
  const last = words[at + rangeLayout.last] ?? 0n;
  const offset = words[at + rangeLayout.offset] ?? 0n;
  const id = halves[at * 2 + rangeLayout.region] ?? noRegion;
  const attributes = halves[at * 2 + rangeLayout.attributes] ?? 0;
  const region = regions[id];
  if (region === undefined) throw new Error(`the engine shows region ${id}, which does not exist`);
  return new FlatRange(first, last, region, offset, attributes);
}
