import { type AddressLike, hex, lastAddress, toAddress, toSize } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { MemTxAttributes } from '../access/mem-tx.js';
import type { AddressSpace } from '../address-space.js';
import type { IommuRegion } from './iommu-region.js';

/** What a translation allows. */
export type IommuPermission = 'none' | 'read' | 'write' | 'read-write';

/** What a translation is wanted for; `none` only asks what is there. */
export type IommuAccess = 'read' | 'write' | 'none';

/**
 * Where an IOMMU sends the accesses to one of its pages (QEMU: IOMMUTLBEntry).
 *
 * @example
 * ```ts
 * import {
 *   type IommuAccess,
 *   type IommuPermission,
 *   type IommuTranslation,
 *   MemoryTopology,
 *   MemTxResult,
 * } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x40_0000n));
 * const asked: IommuAccess[] = [];
 * const permission: IommuPermission = 'read';
 * const largePage: IommuTranslation = {
 *   target: memory,
 *   address: 0x20_0000n,
 *   mask: 0x1f_ffffn,
 *   permission,
 * };
 * const iommu = topology.iommu('iommu', 1n << 48n, {
 *   translate: (_iova, access) => {
 *     asked.push(access);
 *     return largePage;
 *   },
 * });
 * const dma = topology.addressSpace('dma', iommu);
 * memory.write(0x20_1000n, 4, 0xcafen);
 * dma.read(0x8000_1000n, 4).value; // => 0xcafen
 * dma.write(0x8000_1000n, 4, 0n); // => MemTxResult.decodeError
 * asked; // => ['read', 'write']
 * topology.close();
 * ```
 */
export interface IommuTranslation {
  /** Where `address` is an address. */
  readonly target: AddressSpace;
  /** Address of the page in `target`. */
  readonly address: bigint;
  /** Size of the page minus 1: the bits of an address that stay as they are. */
  readonly mask: bigint;
  /** What the device may do with the page. */
  readonly permission: IommuPermission;
}

/**
 * The callbacks of an IOMMU region (QEMU: IOMMUMemoryRegionClass). An IOVA is an offset within the region, in bytes.
 */
export interface IommuOps {
  /**
   * Translates one IOVA. Answers `undefined` where there is no translation: the access fails with a decode error.
   *
   * @param index Which of the IOMMU's tables, from `attributesToIndex`.
   */
  translate(iova: bigint, access: IommuAccess, index: number): IommuTranslation | undefined;
  /** Size in bytes of the smallest page, a power of two. Default: 4096. */
  readonly minPageSize?: bigint;
  /** How many tables there are. Default: 1. */
  readonly indexCount?: number;
  /** The table for accesses with these attributes. Default: 0. */
  attributesToIndex?(attributes: MemTxAttributes): number;
  /** Tells `notifier` of all mappings within its range, by {@link IommuNotifierList.notifyOne}. */
  replay?(notifier: IommuNotifier): void;
  /** Hears which kinds of events are wanted now. Throwing refuses the notifier that wants the new one. */
  notifyFlagChanged?(
    previous: ReadonlySet<IommuEventType>,
    next: ReadonlySet<IommuEventType>,
  ): void;
}

/**
 * The kinds of events of an IOMMU; the last one is for devices that have a TLB of their own (PCI: ATS).
 *
 * @example
 * ```ts
 * import { type IommuEvent, type IommuEventType, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const iommu = topology.iommu('iommu', 1n << 48n, { translate: () => undefined });
 * const wanted: IommuEventType[] = ['unmap'];
 * const heard: IommuEvent[] = [];
 * iommu.notifiers.add({
 *   events: wanted,
 *   size: 0x10_0000n,
 *   notify: (event) => heard.push(event),
 * });
 * iommu.notifiers.notify(0, { type: 'unmap', iova: 0xf_f000n, size: 0x20_0000n });
 * iommu.notifiers.notify(0, { type: 'device-iotlb-unmap', iova: 0x0n, size: 0x1000n });
 * heard; // => [{ type: 'unmap', iova: 0xf_f000n, size: 0x1000n }]
 * topology.close();
 * ```
 */
export type IommuEventType = IommuEvent['type'];

/** A change of an IOMMU's mappings: of `size` bytes at `iova`. */
export type IommuEvent =
  | {
      readonly type: 'map';
      readonly iova: bigint;
      readonly size: bigint;
      /** Where it leads: to `address` in `target`. */
      readonly target: AddressSpace;
      readonly address: bigint;
      readonly permission: IommuPermission;
    }
  | {
      readonly type: 'unmap' | 'device-iotlb-unmap';
      readonly iova: bigint;
      readonly size: bigint;
    };

/** Somebody who wants to know of changes in a range of an IOMMU. */
export interface IommuNotifier {
  /** Which kinds of events. */
  readonly events: readonly IommuEventType[];
  /** Start of the range. Default: 0. */
  readonly iova?: AddressLike;
  /** Size of the range in bytes. Default: up to the end of the region. */
  readonly size?: AddressLike;
  /** Which of the IOMMU's tables. Default: 0. */
  readonly index?: number;
  /** Called with the part of the event that lies in the range. */
  notify(event: IommuEvent): void;
}

/** Bytes of the smallest page where an IOMMU doesn't say. */
const defaultPageSize = 4096n;

/** So many pages {@link IommuNotifierList.replay} asks for at the most. */
const maxReplayedPages = 1 << 22;

/** First and last IOVA. */
interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Who is told when translations of an IOMMU region appear or go.
 *
 * @example
 * ```ts
 * import { type IommuNotifier, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const iommu = topology.iommu('iommu', 1n << 48n, { translate: () => undefined });
 * const gone: bigint[] = [];
 * const notifier: IommuNotifier = { events: ['unmap'], notify: ({ iova }) => gone.push(iova) };
 * iommu.notifiers.add(notifier);
 * iommu.notifiers.notify(0, { type: 'unmap', iova: 0x10_0000n, size: 0x1000n });
 * gone; // => [0x10_0000n]
 * ```
 */
export class IommuNotifierList {
  readonly #region: IommuRegion;
  readonly #spans = new Map<IommuNotifier, Span>();

  /** @internal */
  constructor(region: IommuRegion) {
    this.#region = region;
  }

  /** The kinds of events that anybody wants. */
  get wanted(): ReadonlySet<IommuEventType> {
    return wantedBy(this.#spans.keys());
  }

  /**
   * Registers `notifier`. It hears of changes only; of what is there already by {@link replay}.
   *
   * @throws `ERR_IOMMU`: it is registered already, wants nothing, its table doesn't exist, or the IOMMU refuses (then
   *   `cause` says why); `ERR_ADDRESS_RANGE`: its range is empty or leaves the region.
   */
  add(notifier: IommuNotifier): void {
    if (this.#spans.has(notifier)) throw this.#error('the notifier is registered already');
    if (notifier.events.length === 0) throw this.#error('the notifier wants no events');
    const { indexCount = 1 } = this.#region.translator;
    const { index = 0 } = notifier;
    if (!Number.isInteger(index) || index < 0 || index >= indexCount) {
      throw this.#error(`the notifier's index is ${index}: not below ${indexCount}`);
    }
    const span = this.#spanOf(notifier);
    this.#announce(wantedBy([...this.#spans.keys(), notifier]));
    this.#spans.set(notifier, span);
  }

  /**
   * Takes back {@link add}.
   *
   * @throws `ERR_IOMMU`: it isn't registered, or the IOMMU refuses.
   */
  remove(notifier: IommuNotifier): void {
    if (!this.#spans.has(notifier)) throw this.#error('the notifier is not registered');
    this.#announce(wantedBy([...this.#spans.keys()].filter((it) => it !== notifier)));
    this.#spans.delete(notifier);
  }

  /** Tells everybody who watches table `index` of the part of `event` that concerns them. */
  notify(index: number, event: IommuEvent): void {
    for (const notifier of [...this.#spans.keys()]) {
      if ((notifier.index ?? 0) === index) this.notifyOne(notifier, event);
    }
  }

  /**
   * Tells `notifier` of the part of `event` in its range, if there is one and it wants such events.
   *
   * QEMU asserts that all but device-IOTLB events lie within one notifier's range; a guest that maps a page larger
   * than the range is not a reason to stop here.
   */
  notifyOne(notifier: IommuNotifier, event: IommuEvent): void {
    const span = this.#spans.get(notifier);
    if (span === undefined || !notifier.events.includes(event.type)) return;
    const part = clipped(event, span);
    if (part !== undefined) notifier.notify(part);
  }

  /**
   * Tells `notifier` of all mappings in its range as `map` events: by the IOMMU's own `replay`, else by asking for
   * one page after the other.
   *
   * @throws `ERR_IOMMU`: it isn't registered, or the range has too many pages to ask for each.
   */
  replay(notifier: IommuNotifier): void {
    const span = this.#spans.get(notifier);
    if (span === undefined) throw this.#error('the notifier is not registered');
    const { translator } = this.#region;
    if (translator.replay !== undefined) translator.replay(notifier);
    else this.#replayPages(notifier, span);
  }

  #replayPages(notifier: IommuNotifier, { first, last }: Span): void {
    const { index = 0 } = notifier;
    let asked = 0;
    for (let iova = first; iova <= last; asked++) {
      if (asked === maxReplayedPages) throw this.#error('too many pages: the IOMMU needs a replay');
      const translation = this.#region.translator.translate(iova, 'none', index);
      const mask = pageMask(this.#region, translation);
      const start = iova & ~mask;
      if (translation !== undefined && translation.permission !== 'none') {
        this.notifyOne(notifier, mapEvent(start, mask, translation));
      }
      iova = start + mask + 1n;
    }
  }

  #spanOf({ iova = 0n, size }: IommuNotifier): Span {
    const first = toAddress(iova, `start of a notifier of ${this.#region.label}`);
    const rest = this.#region.size - first;
    const bytes = size === undefined ? rest : toSize(size, 'size of a notifier');
    if (bytes > 0n && bytes <= rest) return { first, last: first + bytes - 1n };
    const message = `a notifier of ${hex(bytes)} bytes at ${hex(first)} does not lie in ${this.#region.label}`;
    throw new FlatviewError('ERR_ADDRESS_RANGE', message);
  }

  /** Lets the IOMMU know, and refuse, what is wanted from now on. */
  #announce(next: ReadonlySet<IommuEventType>): void {
    const previous = this.wanted;
    const isSame = next.size === previous.size && [...next].every((type) => previous.has(type));
    if (isSame) return;
    try {
      this.#region.translator.notifyFlagChanged?.(previous, next);
    } catch (cause) {
      throw this.#error(`the IOMMU refuses to report ${[...next].join(', ') || 'nothing'}`, cause);
    }
  }

  #error(problem: string, cause?: unknown): FlatviewError {
    const message = `${this.#region.label}: ${problem}`;
    return new FlatviewError('ERR_IOMMU', message, cause === undefined ? {} : { cause });
  }
}

/**
 * The bits of an IOVA that `translation` leaves as they are; of one that was not translated, those within the smallest
 * page.
 *
 * @throws `ERR_IOMMU`: the IOMMU gives a size that isn't a power of two.
 */
export function pageMask(region: IommuRegion, translation: IommuTranslation | undefined): bigint {
  const mask = translation?.mask ?? (region.translator.minPageSize ?? defaultPageSize) - 1n;
  if (mask >= 0n && mask <= lastAddress && (mask & (mask + 1n)) === 0n) return mask;
  throw new FlatviewError('ERR_IOMMU', `${region.label}: ${hex(mask)} is not the mask of a page`);
}

function mapEvent(
  iova: bigint,
  mask: bigint,
  { target, address, permission }: IommuTranslation,
): IommuEvent {
  return { type: 'map', iova, size: mask + 1n, target, address: address & ~mask, permission };
}

function wantedBy(notifiers: Iterable<IommuNotifier>): ReadonlySet<IommuEventType> {
  return new Set([...notifiers].flatMap(({ events }) => events));
}

/** The part of `event` that lies in `span`. */
function clipped(event: IommuEvent, span: Span): IommuEvent | undefined {
  const eventLast = event.iova + event.size - 1n;
  const first = event.iova > span.first ? event.iova : span.first;
  const last = eventLast < span.last ? eventLast : span.last;
  if (first > last) return undefined;
  const part = { iova: first, size: last - first + 1n };
  if (event.type !== 'map') return { ...event, ...part };
  return { ...event, ...part, address: event.address + (first - event.iova) };
}
