import { hex, roundDown, roundUp } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { AddressRange } from '../../mapping/page-mapping.js';
import { RangeSet } from '../../memory/range-set.js';
import type { BarPagePlan, BarPages, OffsetRange } from './bar.js';

/** All that the page policy looks at: where a BAR is now, what can be mapped of it, and what is near it. */
export interface BarPlacement extends AddressRange {
  /** Where the guest has the BAR. */
  readonly address: bigint;
  /** What the BAR asks for, in bytes; not what it was grown to. */
  readonly size: bigint;
  /** `undefined` where nothing of it can be mapped. */
  readonly pages: BarPages | undefined;
  /** The other BARs that are decoded, with the sizes that they ask for: at least those that touch a page of this one. */
  readonly neighbours: readonly AddressRange[];
  /** Bytes of a page of the host: a power of two. */
  readonly pageSize: bigint;
}

/**
 * Every reason for which a page of a BAR shows the slow path though some of it is mapped, with what it means. Codes are
 * stable: programs match `code`.
 *
 * @example
 * ```ts
 * import { type SlowPageCode, slowPageCodes, slowPagesOf } from 'flatview/pci';
 *
 * // Two BARs of 256 bytes in one page: neither can be given to the guest.
 * const [slow] = slowPagesOf({
 *   address: 0xfebf_0000n,
 *   size: 0x100n,
 *   pages: { areas: [{ offset: 0n, size: 0x100n }], ownsWholePage: true, cuts: [] },
 *   neighbours: [{ address: 0xfebf_0800n, size: 0x100n }],
 *   pageSize: 0x1000n,
 * });
 * const code: SlowPageCode | undefined = slow?.code;
 * code && slowPageCodes[code]; // => 'A part of the page belongs to another BAR.'
 * ```
 */
export const slowPageCodes = {
  unaligned: 'The guest has the BAR at an address that is not the start of a page.',
  cut: 'A part of the page is answered by a quirk or an emulated table.',
  neighbour: 'A part of the page belongs to another BAR.',
  'partly-mapped': 'A part of the page is not mapped.',
  'tail-not-owned':
    'The BAR is smaller than a page, and the kernel did not say that nobody else is in the rest of it.',
} as const;

/** The stable code of a {@link SlowPages}. */
export type SlowPageCode = keyof typeof slowPageCodes;

/** Pages, or the BAR's parts of them, that show the slow path, and why. */
export interface SlowPages extends OffsetRange {
  /** Stable code of the reason. */
  readonly code: SlowPageCode;
  /** What is in the way, as offsets in the BAR (those of a neighbour may be negative); of `unaligned`, the area. */
  readonly by: OffsetRange;
}

/**
 * How a BAR is to show, as a pure function of the present state: what a snapshot restores or a hot-plug brings needs no
 * event to be seen.
 *
 * - A BAR smaller than a page is **grown** to the page, at priority 0, if its address is the start of the page, the kernel
 *   said that the page is the BAR's alone, all of the BAR is mapped, nothing cuts it, and no other BAR touches the page. Beside a
 *   neighbour growing would be of no use: the page would show both. What the policy doesn't know of (an embedder's own
 *   region) still wins over the grown part by priority 0.
 * - Any other page of which a part is mapped, but not the whole page, is a **slow page**: it shows the slow path everywhere, so that
 *   no piece of memory is left that is smaller than a page.
 * - Neighbours count by the sizes that they ask for, so that nothing depends on who was grown first.
 *
 * Whether one BAR alone or several areas of it fill a page is the same to the policy. Two BARs of one device never fill one
 * together: the kernel refuses to map a BAR whose page another one touches (Linux, vfio_pci_probe_mmaps).
 *
 * @throws `ERR_INVALID_ARGUMENT`: the size of a page is not a power of two.
 *
 * @example
 * ```ts
 * import { type BarPagePlan, type BarPages, type BarPlacement, planBarPages } from 'flatview/pci';
 *
 * // A BAR of 256 bytes, of which the kernel said that the rest of its page is nobody's.
 * const pages: BarPages = { areas: [{ offset: 0n, size: 0x100n }], ownsWholePage: true, cuts: [] };
 * const aligned: BarPlacement = {
 *   address: 0xfebf_0000n,
 *   size: 0x100n,
 *   pages,
 *   neighbours: [],
 *   pageSize: 0x1000n,
 * };
 * const grown: BarPagePlan = planBarPages(aligned);
 * grown; // => { size: 0x1000n, priority: 0, slowPages: [] }
 *
 * // Where no page begins it stays as it is, and slow.
 * planBarPages({ ...aligned, address: 0xfebf_0100n });
 * // => { size: 0x100n, priority: 1, slowPages: [{ offset: 0n, size: 0x100n }] }
 * ```
 */
export function planBarPages(placement: BarPlacement): BarPagePlan {
  const { address, size, pageSize } = placement;
  checkPageSize(pageSize);
  if (canGrow(placement)) return { size: pageSize, priority: 0, slowPages: [] };
  const slow = new RangeSet();
  for (const { offset, size: bytes } of slowPagesOf(placement)) {
    slow.add({ offset: address + offset, size: bytes });
  }
  const slowPages = slow
    .within({ offset: address, size })
    .map((range) => ({ offset: range.offset - address, size: range.size }));
  return { size, priority: 1, slowPages };
}

/**
 * How a BAR is to show that the guest has nowhere.
 *
 * @example
 * ```ts
 * import { unplacedPlan } from 'flatview/pci';
 *
 * // A BAR that was grown has its own size again.
 * unplacedPlan(0x100n); // => { size: 0x100n, priority: 1, slowPages: [] }
 * ```
 */
export function unplacedPlan(size: bigint): BarPagePlan {
  return { size, priority: 1, slowPages: [] };
}

/**
 * Whether two plans are the same.
 *
 * @example
 * ```ts
 * import { isSamePlan, planBarPages, unplacedPlan } from 'flatview/pci';
 *
 * const pages = { areas: [{ offset: 0n, size: 0x100n }], ownsWholePage: true, cuts: [] };
 * const planAt = (address: bigint) =>
 *   planBarPages({ address, size: 0x100n, pages, neighbours: [], pageSize: 0x1000n });
 *
 * // From the start of a page to the start of another: nothing of the BAR changes but its address.
 * isSamePlan(planAt(0xfebf_0000n), planAt(0xfec0_0000n)); // => true
 * isSamePlan(planAt(0xfebf_0000n), unplacedPlan(0x100n)); // => false
 * ```
 */
export function isSamePlan(a: BarPagePlan, b: BarPagePlan): boolean {
  return (
    a.size === b.size &&
    a.priority === b.priority &&
    a.slowPages.length === b.slowPages.length &&
    a.slowPages.every(({ offset, size }, i) => {
      const other = b.slowPages[i];
      return offset === other?.offset && size === other.size;
    })
  );
}

/**
 * Why pages of the BAR show the slow path, unless it may grow ({@link planBarPages}): a page can have several reasons, the plainest first.
 *
 * @throws `ERR_INVALID_ARGUMENT`: the size of a page is not a power of two.
 *
 * @example
 * ```ts
 * import { type OffsetRange, type SlowPages, slowPagesOf } from 'flatview/pci';
 *
 * // Eight bytes of a BAR of 16 KiB are emulated, so one of its pages can't be mapped.
 * const latch: OffsetRange = { offset: 0x1070n, size: 8n };
 * const slow: readonly SlowPages[] = slowPagesOf({
 *   address: 0xfebf_0000n,
 *   size: 0x4000n,
 *   pages: { areas: [{ offset: 0n, size: 0x4000n }], ownsWholePage: true, cuts: [latch] },
 *   neighbours: [],
 *   pageSize: 0x1000n,
 * });
 * slow; // => [{ offset: 0x1000n, size: 0x1000n, code: 'cut', by: latch }]
 * ```
 */
export function slowPagesOf(placement: BarPlacement): SlowPages[] {
  const { address, size, pages, pageSize } = placement;
  checkPageSize(pageSize);
  if (pages === undefined) return [];
  const bar = { offset: address, size };
  const mapped = new RangeSet();
  for (const area of pages.areas) mapped.add(outward(placedAt(address, area), pageSize));
  return obstaclesOf(placement, pages).flatMap(({ code, range, by }) =>
    mapped
      .within(range)
      .flatMap((part) => intersection(part, bar))
      .map((part) => ({ ...placedAt(-address, part), code, by: placedAt(-address, by) })),
  );
}

function checkPageSize(pageSize: bigint): void {
  if (pageSize > 0n && (pageSize & (pageSize - 1n)) === 0n) return;
  throw new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    `pages of ${hex(pageSize)} bytes: not a power of two`,
  );
}

/** Whether the BAR may show the whole page in which it begins. */
export function canGrow({ address, size, pages, neighbours, pageSize }: BarPlacement): boolean {
  if (pages === undefined || size >= pageSize || address % pageSize !== 0n) return false;
  if (!pages.ownsWholePage || pages.cuts.length > 0) return false;
  const mapped = new RangeSet();
  for (const area of pages.areas) mapped.add(area);
  if (mapped.missing({ offset: 0n, size }).length > 0) return false;
  const page = { offset: address, size: pageSize };
  return !neighbours.some((other) => intersection(toOffsets(other), page).length > 0);
}

/** Pages that can't be shown whole, by guest addresses, and what is to blame. */
interface Obstacle {
  readonly code: SlowPageCode;
  readonly range: OffsetRange;
  readonly by: OffsetRange;
}

function obstaclesOf(placement: BarPlacement, pages: BarPages): Obstacle[] {
  const { address, pageSize, neighbours } = placement;
  if (address % pageSize !== 0n) {
    const areas = pages.areas.map((area) => placedAt(address, area));
    return areas.map((by) => ({ code: 'unaligned', range: outward(by, pageSize), by }));
  }
  const cuts = pages.cuts.map((cut) => placedAt(address, cut));
  return [
    ...cuts.map((by): Obstacle => ({ code: 'cut', range: outward(by, pageSize), by })),
    ...neighbours
      .map(toOffsets)
      .flatMap((by) =>
        brokenPages(by, pageSize).map((range): Obstacle => ({ code: 'neighbour', range, by })),
      ),
    ...raggedPages(placement, pages),
  ];
}

/** The pages in which what is mapped begins or ends elsewhere than at the page's edge. */
function raggedPages({ address, size, pageSize }: BarPlacement, pages: BarPages): Obstacle[] {
  const mapped = new RangeSet();
  for (const area of pages.areas) mapped.add(placedAt(address, area));
  return mapped.within({ offset: address, size }).flatMap((by) => {
    const isTail = size < pageSize && !pages.ownsWholePage && by.size === size;
    const code = isTail ? 'tail-not-owned' : 'partly-mapped';
    return brokenPages(by, pageSize).map((range) => ({ code, range, by }));
  });
}

/** The pages that hold a part of `range`, but not of all of which it is true. */
function brokenPages(range: OffsetRange, pageSize: bigint): OffsetRange[] {
  const broken = new RangeSet();
  broken.add(outward(range, pageSize));
  broken.remove(inward(range, pageSize));
  return broken.within(outward(range, pageSize));
}

/** The whole pages that hold `range`. */
export function outward({ offset, size }: OffsetRange, pageSize: bigint): OffsetRange {
  const start = roundDown(offset, pageSize);
  return { offset: start, size: roundUp(offset + size, pageSize) - start };
}

/** The whole pages within `range`: none where it has no whole page. */
function inward({ offset, size }: OffsetRange, pageSize: bigint): OffsetRange {
  const start = roundUp(offset, pageSize);
  const end = roundDown(offset + size, pageSize);
  return { offset: start, size: end > start ? end - start : 0n };
}

function intersection(a: OffsetRange, b: OffsetRange): OffsetRange[] {
  const set = new RangeSet();
  set.add(a);
  return set.within(b);
}

function placedAt(address: bigint, { offset, size }: OffsetRange): OffsetRange {
  return { offset: address + offset, size };
}

function toOffsets({ address, size }: AddressRange): OffsetRange {
  return { offset: address, size };
}
