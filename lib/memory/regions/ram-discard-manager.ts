import { type AddressLike, hex, toAddress, toSize } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { type OffsetRange, RangeSet } from '../range-set.js';
import type { MemoryRegionSection } from '../views/section.js';
import type { RamRegion } from './ram-region.js';

/**
 * Somebody who must not touch memory that isn't there: who pins pages for a device, say (QEMU: RamDiscardListener).
 *
 * @example
 * ```ts
 * import {
 *   MemoryTopology,
 *   type OffsetRange,
 *   type RamDiscardListener,
 *   RamDiscardManager,
 * } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('virtio-mem', 0x100_0000n);
 * const manager = new RamDiscardManager(ram, { granularity: 0x20_0000n });
 * const section = topology.addressSpace('memory', ram).lookup(0x0n);
 *
 * const heard: [string, OffsetRange][] = [];
 * const pinning: RamDiscardListener = {
 *   populate: ({ offset, size }) => heard.push(['pin', { offset, size }]),
 *   discard: ({ offset, size }) => heard.push(['unpin', { offset, size }]),
 * };
 * if (section) manager.addListener(pinning, section);
 * manager.populate(0x20_0000n, 0x40_0000n);
 * manager.discard(0x40_0000n, 0x20_0000n);
 * heard;
 * // => [
 * //   ['pin', { offset: 0x20_0000n, size: 0x40_0000n }],
 * //   ['unpin', { offset: 0x40_0000n, size: 0x20_0000n }],
 * // ]
 * topology.close();
 * ```
 */
export interface RamDiscardListener {
  /** Memory is there from now on. Throwing refuses: those who heard it before hear `discard`. */
  populate(section: MemoryRegionSection): void;
  /** Memory is about to go. Throwing refuses as well. */
  discard(section: MemoryRegionSection): void;
}

/** How a {@link RamDiscardManager} is made. */
export interface RamDiscardOptions {
  /** Bytes in which memory comes and goes: a power of two, at least the page of the memory behind the region. */
  readonly granularity: AddressLike;
}

type Event = keyof RamDiscardListener;

const opposite = { populate: 'discard', discard: 'populate' } as const;

/** Bytes of a page where a region has no memory to say. */
const defaultPageSize = 4096n;

/**
 * Says which parts of a region's memory are there, and tells those who need to know when that changes; virtio-mem
 * plugs memory by this (QEMU: RamDiscardManager). At first nothing is there.
 *
 * One for a region at most, set while nothing shows the region: whoever finds the region in a flat view then can rely
 * on `region.discardManager`.
 *
 * @example
 * ```ts
 * import { MemoryTopology, RamDiscardManager, type RamDiscardOptions } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('virtio-mem', 0x100_0000n);
 * const options: RamDiscardOptions = { granularity: 0x20_0000n };
 * const manager = new RamDiscardManager(ram, options);
 * manager.populate(0x0n, 0x20_0000n);
 * manager.isPopulated({ offset: 0x1000n, size: 0x1000n }); // => true
 * manager.isPopulated({ offset: 0x1f_f000n, size: 0x2000n }); // => false
 * topology.close();
 * ```
 */
export class RamDiscardManager {
  /** The memory that it speaks of. */
  readonly region: RamRegion;
  /** Bytes in which memory comes and goes. */
  readonly granularity: bigint;
  readonly #populated = new RangeSet();
  readonly #listeners = new Map<RamDiscardListener, MemoryRegionSection>();

  /**
   * Becomes the manager of `region`.
   *
   * @throws `ERR_DISCARD_MANAGER`: the region isn't RAM, has a manager, or is mapped; `ERR_INVALID_ARGUMENT` on a
   *   granularity that isn't a power of two or is less than a page; `ERR_ADDRESS_RANGE`.
   */
  constructor(region: RamRegion, { granularity }: RamDiscardOptions) {
    this.region = region;
    this.granularity = checkedGranularity(region, granularity);
    if (region.kind !== 'ram') throw this.#error('only RAM can have a discard manager');
    if (region.discardManager !== undefined)
      throw this.#error('there is a discard manager already');
    this.#assertUnmapped();
    region.discardManager = this;
  }

  /**
   * Leaves the region; all of its memory counts as there again.
   *
   * @throws `ERR_DISCARD_MANAGER`: the region is mapped, or somebody listens.
   */
  close(): void {
    this.#assertUnmapped();
    if (this.#listeners.size > 0) throw this.#error('somebody listens to the discard manager');
    if (this.region.discardManager === this) this.region.discardManager = undefined;
  }

  /**
   * Whether all of a part of the region is there. A section is such a part.
   *
   * @throws `ERR_ADDRESS_RANGE`: it leaves the region.
   */
  isPopulated(part: OffsetRange): boolean {
    this.#assertWithin(part);
    return this.#populated.missing(part).length === 0;
  }

  /**
   * Memory is there now. Listeners hear of what wasn't there before.
   *
   * @throws `ERR_ADDRESS_RANGE`: the part leaves the region or isn't made of whole granules; `ERR_LISTENER_FAILED`: a
   *   listener refused; nothing has changed, and those who had heard it have heard the opposite.
   */
  populate(offset: AddressLike, size: AddressLike): void {
    const part = this.#granules(offset, size);
    this.#tell('populate', this.#populated.missing(part));
    this.#populated.add(part);
  }

  /**
   * Memory goes: listeners hear of what was there, then its pages are given back to the host, unless they are lent.
   *
   * @throws As {@link populate}; `ERR_SYSTEM_CALL`: the host doesn't take the pages.
   */
  discard(offset: AddressLike, size: AddressLike): void {
    const part = this.#granules(offset, size);
    const present = this.#populated.within(part);
    this.#tell('discard', present, () => {
      for (const it of present) this.#giveBack(it);
    });
    this.#populated.remove(part);
  }

  /**
   * Registers `listener` for what `section` shows of the region. It hears at once of what is there.
   *
   * @throws `ERR_DISCARD_MANAGER`: it is registered already, or the section shows another region;
   *   `ERR_LISTENER_FAILED`: it threw, has heard the opposite, and isn't registered.
   */
  addListener(listener: RamDiscardListener, section: MemoryRegionSection): void {
    if (this.#listeners.has(listener)) throw this.#error('the listener is registered already');
    if (section.region !== this.region) {
      throw this.#error(`the section shows ${section.region.label}`);
    }
    tell('populate', noticesOf([[listener, section]], this.#populated.within(section)));
    this.#listeners.set(listener, section);
  }

  /**
   * Takes back {@link addListener}: the listener hears that all is gone that is there.
   *
   * @throws `ERR_DISCARD_MANAGER`: it isn't registered; `ERR_LISTENER_FAILED`: it threw, and stays registered.
   */
  removeListener(listener: RamDiscardListener): void {
    const section = this.#listeners.get(listener);
    if (section === undefined) throw this.#error('the listener is not registered');
    tell('discard', noticesOf([[listener, section]], this.#populated.within(section)));
    this.#listeners.delete(listener);
  }

  /** The parts of `section` that are there, ascending. */
  populatedIn(section: MemoryRegionSection): MemoryRegionSection[] {
    return this.#populated.within(section).map((part) => partOf(section, part));
  }

  /** The parts of `section` that aren't there, ascending. */
  discardedIn(section: MemoryRegionSection): MemoryRegionSection[] {
    return this.#populated.missing(section).map((part) => partOf(section, part));
  }

  #tell(event: Event, parts: readonly OffsetRange[], finish?: () => void): void {
    tell(event, noticesOf(this.#listeners, parts), finish);
  }

  #giveBack({ offset, size }: OffsetRange): void {
    const { memory } = this.region;
    if (memory !== undefined && !memory.isLent) memory.discard(offset, size);
  }

  #granules(offset: AddressLike, size: AddressLike): OffsetRange {
    const part = {
      offset: toAddress(offset, `offset in ${this.region.label}`),
      size: toSize(size, `size of a part of ${this.region.label}`),
    };
    this.#assertWithin(part);
    if ((part.offset | part.size) % this.granularity === 0n) return part;
    throw new FlatviewError(
      'ERR_ADDRESS_RANGE',
      `${describe(part)} of ${this.region.label}: not in whole granules of ${hex(this.granularity)}`,
    );
  }

  #assertWithin(part: OffsetRange): void {
    if (part.offset + part.size <= this.region.size) return;
    const message = `${describe(part)} lead out of ${this.region.label}`;
    throw new FlatviewError('ERR_ADDRESS_RANGE', message);
  }

  #assertUnmapped(): void {
    if (this.region.isMapped) throw this.#error('the region is mapped');
  }

  #error(problem: string): FlatviewError {
    return new FlatviewError('ERR_DISCARD_MANAGER', `${this.region.label}: ${problem}`);
  }
}

function checkedGranularity(region: RamRegion, granularity: AddressLike): bigint {
  const what = `granularity of a discard manager of ${region.label}`;
  const bytes = toSize(granularity, what);
  const pageSize = region.memory?.pageSize ?? defaultPageSize;
  if (bytes >= pageSize && (bytes & (bytes - 1n)) === 0n) return bytes;
  throw new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    `${what} is ${hex(bytes)}: not a power of two of at least ${hex(pageSize)}`,
  );
}

/** Somebody to be told, and of what. */
interface Notice {
  readonly listener: RamDiscardListener;
  readonly section: MemoryRegionSection;
}

/** Who is to be told of `parts`: each part to all whom it concerns, in the order in which they registered. */
function noticesOf(
  listeners: Iterable<readonly [RamDiscardListener, MemoryRegionSection]>,
  parts: readonly OffsetRange[],
): Notice[] {
  const all = [...listeners];
  return parts.flatMap((part) =>
    all
      .filter(([, section]) => touches(section, part))
      .map(([listener, section]) => ({ listener, section: partOf(section, part) })),
  );
}

/** Gives all notices and then runs `finish`, or takes back those that were given. */
function tell(event: Event, notices: readonly Notice[], finish?: () => void): void {
  const given: Notice[] = [];
  try {
    for (const notice of notices) {
      notice.listener[event](notice.section);
      given.push(notice);
    }
    finish?.();
  } catch (cause) {
    const undoFailures = takeBack(event, given);
    const refused = notices[given.length];
    if (refused === undefined) throw cause;
    throw refusal(event, refused, cause, undoFailures);
  }
}

/** @returns What was thrown meanwhile. */
function takeBack(event: Event, given: readonly Notice[]): unknown[] {
  const failures: unknown[] = [];
  for (const { listener, section } of [...given].reverse()) {
    try {
      listener[opposite[event]](section);
    } catch (failure) {
      failures.push(failure);
    }
  }
  return failures;
}

function refusal(
  event: Event,
  { section }: Notice,
  cause: unknown,
  undoFailures: readonly unknown[],
): FlatviewError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `a listener refused to ${event} ${describe(section)} of ${section.region.label}: ${why}`;
  return new FlatviewError('ERR_LISTENER_FAILED', message, { cause, undoFailures });
}

function touches(section: OffsetRange, part: OffsetRange): boolean {
  return section.offset < part.offset + part.size && part.offset < section.offset + section.size;
}

/** What `section` shows of `part`, which it touches. */
function partOf(section: MemoryRegionSection, part: OffsetRange): MemoryRegionSection {
  return section.within(section.address + (part.offset - section.offset), part.size);
}

function describe({ offset, size }: OffsetRange): string {
  return `${hex(size)} bytes at ${hex(offset)}`;
}
