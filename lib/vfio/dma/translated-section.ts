import { hex, larger, smaller, wholeRange } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { Reason } from '../../mapping/mapping-rules.js';
import { endOf } from '../../mapping/page-mapping.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { IommuEvent, IommuNotifier } from '../../memory/regions/iommu.js';
import type { IommuRegion } from '../../memory/regions/iommu-region.js';
import { RamRegion } from '../../memory/regions/ram-region.js';
import { FlatRange } from '../../memory/views/flat-view.js';
import type { MemoryRegionSection } from '../../memory/views/section.js';
import { TranslatedRange } from './translated-range.js';
import type { Shown, WatchedSection } from './watched-section.js';

/**
 * What guests did with their IOMMUs: none of it is an error of the embedder.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { dmaSpaceOf, type TranslationCounts, VfioDmaMapper } from 'flatview/vfio';
 *
 * const topology = new MemoryTopology();
 * const target = topology.addressSpace('memory', topology.ram('pc.ram', 0x10_0000n));
 * const vtd = topology.iommu('vtd', 1n << 39n, {
 *   translate: () => undefined,
 *   replay: () => undefined, // the guest has mapped nothing so far
 * });
 * const deviceSpace = topology.addressSpace('0000:05:00.0', vtd);
 * using iommufd = new SimulatedVfio().openIommufd();
 * const mapper = new VfioDmaMapper(dmaSpaceOf(iommufd.allocateIoas()));
 * deviceSpace.addListener(mapper);
 *
 * // The guest's driver maps a page, and then unmaps it twice.
 * const page = { iova: 0x4000_0000n, size: 0x1000n };
 * const leads = { target, address: 0x8000n, permission: 'read-write' } as const;
 * vtd.notifiers.notify(0, { type: 'map', ...page, ...leads });
 * mapper.mappings.map(({ address, offset }) => [address, offset]); // => [[0x4000_0000n, 0x8000n]]
 * vtd.notifiers.notify(0, { type: 'unmap', ...page });
 * vtd.notifiers.notify(0, { type: 'unmap', ...page });
 * const counts: Readonly<TranslationCounts> = mapper.translationCounts;
 * [counts.maps, counts.unmaps, counts.idle]; // => [1, 2, 1]
 * topology.close();
 * ```
 */
export interface TranslationCounts {
  /** Translations that were made. */
  maps: number;
  /** Translations that were taken back. */
  unmaps: number;
  /** Those of `maps` that took the place of others. */
  overlapping: number;
  /** Those of `unmaps` that there was nothing of. */
  idle: number;
  /** Those of `maps` that are not kept, as too many are: {@link VfioDmaMapper.retry} asks for them again. */
  dropped: number;
  /** Those of `unmaps` that the kernel refused to carry out: they are tried again at the next change. */
  failed: number;
}

/** Who shows what a {@link TranslatedSection} translates. */
export interface TranslationsShown extends Shown {
  readonly counts: TranslationCounts;
  /** Whether more translations can be kept. */
  readonly hasRoom: boolean;
}

type MapEvent = Extract<IommuEvent, { type: 'map' }>;

/** A section of an IOMMU of the guest: what it translates is shown, as the memory that it leads to. */
export class TranslatedSection implements WatchedSection {
  readonly section: MemoryRegionSection;
  readonly address: bigint;
  readonly size: bigint;
  /** Whether translations are missing that there was no room for. */
  isIncomplete = false;
  readonly #region: IommuRegion;
  readonly #shown: TranslationsShown;
  readonly #notifier: IommuNotifier;
  #isOn = false;

  constructor(section: MemoryRegionSection, region: IommuRegion, shown: TranslationsShown) {
    this.section = section;
    this.address = section.address;
    this.size = section.size;
    this.#region = region;
    this.#shown = shown;
    this.#notifier = {
      events: ['map', 'unmap'],
      iova: section.offset,
      size: section.size,
      index: region.translator.attributesToIndex?.({}) ?? 0,
      notify: (event) => this.#notify(event),
    };
  }

  get rest(): Reason {
    return this.isIncomplete ? unknown : untranslated;
  }

  /** @throws `ERR_IOMMU`: the IOMMU tells nobody of its translations, or can't say which there are. */
  start(): void {
    const { notifiers } = this.#region;
    notifiers.add(this.#notifier);
    try {
      this.replay();
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Shows all translations that there are. */
  replay(): void {
    this.#isOn = true;
    this.isIncomplete = false;
    this.#region.notifiers.replay(this.#notifier);
  }

  stop(): void {
    this.#isOn = false;
    try {
      this.#region.notifiers.remove(this.#notifier);
    } catch (error) {
      // An IOMMU that refuses goes on telling one who no longer listens.
      if (!(error instanceof FlatviewError)) throw error;
    }
  }

  relog(): void {
    // Who watches translated memory is asked of the memory itself.
  }

  #notify(event: IommuEvent): void {
    if (!this.#isOn || event.size <= 0n) return;
    const window = {
      address: this.address + (event.iova - this.section.offset),
      size: event.size,
    };
    const { counts, hasRoom } = this.#shown;
    const wasEmpty = this.#shown.in(window).length === 0;
    if (event.type !== 'map' || event.permission === 'none') {
      counts.unmaps++;
      if (wasEmpty) counts.idle++;
      else this.#shown.show(window, []);
      return;
    }
    counts.maps++;
    if (!wasEmpty) counts.overlapping++;
    if (!hasRoom) {
      counts.dropped++;
      this.isIncomplete = true;
    }
    const ranges = hasRoom ? this.#ranges(event, window.address) : [];
    if (hasRoom || !wasEmpty) this.#shown.show(window, ranges);
  }

  /** What `event` leads to, as it shows from `address` on: all of it, also where nothing can be mapped. */
  #ranges(event: MapEvent, address: bigint): FlatRange[] {
    const { permission } = event;
    const how = { read: permission !== 'write', write: permission !== 'read' };
    const end = smaller(event.address + event.size, wholeRange);
    const ranges: FlatRange[] = [];
    const add = (range: FlatRange, obstacle?: Reason): void => {
      const start = address + (range.address - event.address);
      ranges.push(new TranslatedRange(range, { ...how, address: start, obstacle }));
    };
    const nothing = (from: bigint, to: bigint): void => {
      if (from >= to) return;
      const offset = event.iova + (from - event.address);
      add(new FlatRange(from, to - 1n, this.#region, offset, 0), leadsNowhere(event.target, from));
    };
    let at = event.address;
    for (const range of rangesFrom(event.target, at)) {
      if (range.address >= end) break;
      const start = larger(range.address, at);
      const part = range.part(start, smaller(endOf(range), end) - 1n);
      nothing(at, start);
      for (const it of presentParts(part)) add(it.range, it.isThere ? undefined : notThere);
      at = endOf(part);
    }
    nothing(at, event.address + event.size);
    return ranges;
  }
}

/** What shows in `target` from `address` on; nothing in one that is gone. */
function rangesFrom(target: AddressSpace, address: bigint): Iterable<FlatRange> {
  return target.isDestroyed || address >= wholeRange ? [] : target.flatView.from(address);
}

/** The parts of `range` that are there, and those that aren't. */
function presentParts(range: FlatRange): { range: FlatRange; isThere: boolean }[] {
  const manager = range.region instanceof RamRegion ? range.region.discardManager : undefined;
  if (manager === undefined) return [{ range, isThere: true }];
  const parts: { range: FlatRange; isThere: boolean }[] = [];
  const end = endOf(range);
  const { granularity } = manager;
  for (let at = range.address; at < end; ) {
    const offset = range.offset + (at - range.address);
    const next = smaller(at + granularity - (offset % granularity), end);
    const isThere = manager.isPopulated({ offset, size: next - at });
    const last = parts.at(-1);
    if (last?.isThere === isThere) last.range = range.part(last.range.address, next - 1n);
    else parts.push({ range: range.part(at, next - 1n), isThere });
    at = next;
  }
  return parts;
}

function leadsNowhere(target: AddressSpace, address: bigint): Reason {
  const detail = (): string =>
    `the guest's IOMMU leads to ${hex(address)} of ${target.label}, where nothing answers`;
  return { code: 'not-ram', detail };
}

export const untranslated: Reason = {
  code: 'untranslated',
  detail: () => "the guest's IOMMU translates nothing here",
};

const unknown: Reason = {
  code: 'untranslated',
  detail: () =>
    "no translation of the guest's IOMMU is known here; it made more than are kept, and the rest was dropped",
};

const notThere: Reason = {
  code: 'discarded',
  detail: () => "the guest's IOMMU leads to memory that its discard manager has not populated",
};
