import { hex, larger, roundDown, roundUp, smaller } from '../address.js';
import type { FlatRange } from '../memory/views/flat-view.js';
import { type Backing, judge, type MappingRules, type Reason } from './mapping-rules.js';
import { type AddressRange, endOf, type PageMapping } from './page-mapping.js';
import { Refusal, type RefusalCode } from './refusal.js';

/** What a consumer makes of flat ranges: every byte of them is in one mapping or in one refusal. */
export interface MappedPages {
  /** Ascending; none overlaps another. */
  readonly mappings: readonly PageMapping[];
  /** Ascending; none overlaps another, nor a mapping. */
  readonly refusals: readonly Refusal[];
}

/**
 * Maps what can be mapped of `ranges`, which are in ascending order.
 *
 * A page is mapped if every byte of it belongs to ranges that can be mapped, and these continue each other in this
 * process, too: most often that is one range; two pieces of a device that share a page have it together. So whether a
 * page is mapped depends on the ranges that touch it and on nothing else. Mappings are as long as can be: they end where
 * a range ends (the page that two ranges share goes with the first), where watching ends, and at multiples of the
 * largest mapping.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { type MappedPages, mapPages, type PageMapping } from 'flatview/mapping';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x10_0000n);
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, ram);
 * system.addSubregion(0xa_0000n, topology.io('vga-lowmem', 0x2_0000n, {}), { priority: 1 });
 *
 * const { mappings, refusals }: MappedPages = mapPages(
 *   topology.addressSpace('memory', system).flatView.ranges(),
 *   { pageSize: 0x1000n, largestMapping: 1n << 30n, kinds: new Set(['ram']), canMapReadonly: true },
 * );
 * const [low, high]: readonly PageMapping[] = mappings;
 * [low?.address, low?.size]; // => [0x0n, 0xa_0000n]
 * [high?.address, high?.offset]; // => [0xc_0000n, 0xc_0000n]
 * high?.hostAddress === (ram.memory?.hostAddress ?? 0n) + 0xc_0000n; // => true
 * refusals.map(({ code }) => code); // => ['not-ram']
 * topology.close();
 * ```
 */
export function mapPages(ranges: Iterable<FlatRange>, rules: MappingRules): MappedPages {
  const mappings: PageMapping[] = [];
  const refusals: Refusal[] = [];
  let run: Piece[] = [];
  const endRun = (): void => {
    if (run.length > 0) mapRun(run, rules, mappings, refusals);
    run = [];
  };
  const refuse = (range: FlatRange, { code, detail }: Reason): void => {
    endRun();
    refusals.push(new Refusal(code, range, detail));
  };
  for (const range of ranges) {
    const verdict = judge(range, rules);
    if ('code' in verdict) {
      refuse(range, verdict);
      continue;
    }
    for (const part of cutAtWindows(range, windowsFor(range, rules))) {
      if (!part.isInside) {
        refuse(part.range, part.range.address >= transientAddresses ? sizing : outside);
        continue;
      }
      const piece = { range: part.range, backing: verdict };
      if (!continues(run.at(-1), piece)) endRun();
      run.push(piece);
    }
  }
  endRun();
  return { mappings, refusals };
}

/**
 * The part of `range` from `start` up to, not including, `end`, which must lie within it.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { clip } from 'flatview/mapping';
 *
 * const topology = new MemoryTopology();
 * const bar = topology.ram('vga.vram', 0x100_0000n, { backing: 'none' });
 * bar.address = 0xfd00_0000n;
 * const [range] = topology.addressSpace('memory', bar).flatView;
 * const part = range && clip(range, 0xfd00_2000n, 0xfd00_3000n);
 * [part?.address, part?.last, part?.offset]; // => [0xfd00_2000n, 0xfd00_2fffn, 0x2000n]
 * topology.close();
 * ```
 */
export function clip(range: FlatRange, start: bigint, end: bigint): FlatRange {
  if (start === range.address && end === endOf(range)) return range;
  return range.part(start, end - 1n);
}

/** A range that can be mapped as far as its pages are whole. */
interface Piece {
  readonly range: FlatRange;
  readonly backing: Backing;
}

function windowsFor(range: FlatRange, { windows }: MappingRules): readonly AddressRange[] {
  return (typeof windows === 'function' ? windows(range) : windows) ?? [range];
}

/** The parts of `range` that lie in one of `windows`, and those that lie in none, ascending. */
function cutAtWindows(
  range: FlatRange,
  windows: readonly AddressRange[],
): { readonly range: FlatRange; readonly isInside: boolean }[] {
  const end = endOf(range);
  const parts: { range: FlatRange; isInside: boolean }[] = [];
  let at = range.address;
  for (const window of windows) {
    const from = larger(window.address, at);
    const to = smaller(endOf(window), end);
    if (from >= to) continue;
    if (at < from) parts.push({ range: clip(range, at, from), isInside: false });
    parts.push({ range: clip(range, from, to), isInside: true });
    at = to;
  }
  if (at < end) parts.push({ range: clip(range, at, end), isInside: false });
  return parts;
}

const outside: Reason = {
  code: 'out-of-window',
  detail: () => 'nothing can be mapped at these addresses',
};

/** While a 64-bit BAR is sized it lies from here on: its upper half was written with ones. */
const transientAddresses = 1n << 63n;

const sizing: Reason = {
  code: 'sizing',
  detail: () => 'bit 63 of its address is set, as while a 64-bit BAR is sized',
};

function continues(last: Piece | undefined, { range, backing }: Piece): boolean {
  return (
    last !== undefined &&
    endOf(last.range) === range.address &&
    last.backing.delta === backing.delta &&
    last.backing.readonly === backing.readonly &&
    last.backing.writeonly === backing.writeonly
  );
}

/** Maps the whole pages of pieces that continue each other; what lies before and behind them is refused. */
function mapRun(
  run: readonly Piece[],
  rules: MappingRules,
  mappings: PageMapping[],
  refusals: Refusal[],
): void {
  const { pageSize } = rules;
  const first = roundUp(startOfRun(run), pageSize);
  const end = larger(first, roundDown(endOfRun(run), pageSize));
  const refuse = (range: FlatRange, from: bigint, to: bigint): void => {
    if (from < to) refuseParts(run, rules, clip(range, from, to), refusals);
  };
  for (let i = 0; i < run.length; i++) {
    const piece = run[i] as Piece;
    const { range } = piece;
    const rangeEnd = endOf(range);
    refuse(range, range.address, smaller(first, rangeEnd));
    const from = roundUp(range.address, pageSize);
    const to = rangeEnd < end ? roundUp(rangeEnd, pageSize) : end;
    if (from < to) mapPiece(run, i, from, to, rules, mappings);
    refuse(range, larger(end, range.address), rangeEnd);
  }
}

/** Refuses a part of a run that is no whole pages: where these are larger than this process's it says so. */
function refuseParts(
  run: readonly Piece[],
  { pageSize, processPageSize = pageSize }: MappingRules,
  range: FlatRange,
  refusals: Refusal[],
): void {
  const end = endOf(range);
  const detail = (): string => `it is a part of a page of ${hex(pageSize)} bytes`;
  const refuse = (code: RefusalCode, from: bigint, to: bigint): void => {
    if (from < to) refusals.push(new Refusal(code, clip(range, from, to), detail));
  };
  const first = larger(range.address, roundUp(startOfRun(run), processPageSize));
  const last = smaller(end, roundDown(endOfRun(run), processPageSize));
  if (processPageSize === pageSize || first >= last) {
    refuse('sub-page', range.address, end);
    return;
  }
  refuse('sub-page', range.address, first);
  refuse('iommu-page', first, last);
  refuse('sub-page', last, end);
}

/**
 * Maps the pages from `start` up to, not including, `end`, which all begin in the piece at `index`: the last one apart
 * where somebody watches it for the sake of the next pieces only.
 */
function mapPiece(
  run: readonly Piece[],
  index: number,
  start: bigint,
  end: bigint,
  rules: MappingRules,
  mappings: PageMapping[],
): void {
  const { pageSize, canWatch } = rules;
  const isWatched = ({ range }: Piece): boolean =>
    range.dirtyLogMask !== 0 && (canWatch === undefined || canWatch(range));
  const piece = run[index] as Piece;
  const dirtyLog = isWatched(piece);
  let isEndWatched = dirtyLog;
  for (let i = index + 1; i < run.length; i++) {
    const next = run[i] as Piece;
    if (next.range.address >= end) break;
    isEndWatched ||= isWatched(next);
  }
  const ownEnd = isEndWatched === dirtyLog ? end : end - pageSize;
  const cuts = rules.cuts?.(piece.range);
  const size = cuts?.size ?? rules.largestMapping;
  const origin = cuts?.origin ?? 0n;
  for (let at = start; at < end; ) {
    const edge = at < ownEnd ? ownEnd : end;
    const next = smaller(edge, roundDown(at - origin, size) + origin + size);
    const pages = { address: at, size: next - at };
    mappings.push(mappingOf(piece, pages, at < ownEnd ? dirtyLog : isEndWatched));
    at = next;
  }
}

function mappingOf(
  { range, backing }: Piece,
  { address, size }: AddressRange,
  dirtyLog: boolean,
): PageMapping {
  const mapping = {
    address,
    size,
    hostAddress: address + backing.delta,
    readonly: backing.readonly,
    dirtyLog,
    region: range.region,
    offset: range.offset + (address - range.address),
  };
  return backing.writeonly ? { ...mapping, writeonly: true } : mapping;
}

function startOfRun(run: readonly Piece[]): bigint {
  return (run[0] as Piece).range.address;
}

function endOfRun(run: readonly Piece[]): bigint {
  return endOf((run.at(-1) as Piece).range);
}
