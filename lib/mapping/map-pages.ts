import { hex } from '../address.js';
import { FlatRange } from '../memory/flat-view.js';
import { type Backing, judge, type MappingRules, type Reason } from './mapping-rules.js';
import { type AddressRange, endOf, type PageMapping } from './page-mapping.js';
import { Refusal } from './refusal.js';

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
 */
export function mapPages(ranges: Iterable<FlatRange>, rules: MappingRules): MappedPages {
  const mappings: PageMapping[] = [];
  const refusals: Refusal[] = [];
  let run: Piece[] = [];
  const endRun = (): void => {
    if (run.length > 0) mapRun(run, rules, mappings, refusals);
    run = [];
  };
  for (const { range, verdict } of pieces(ranges, rules)) {
    if ('code' in verdict) {
      endRun();
      refusals.push(new Refusal(verdict.code, range, verdict.detail));
      continue;
    }
    const piece = { range, backing: verdict };
    if (!continues(run.at(-1), piece)) endRun();
    run.push(piece);
  }
  endRun();
  return { mappings, refusals };
}

/** The part of `range` from `start` up to, not including, `end`, which must lie within it. */
export function clip(range: FlatRange, start: bigint, end: bigint): FlatRange {
  if (start === range.address && end === endOf(range)) return range;
  const offset = range.offset + (start - range.address);
  return new FlatRange(start, end - 1n, range.region, offset, range.attributes);
}

/** A range that can be mapped as far as its pages are whole. */
interface Piece {
  readonly range: FlatRange;
  readonly backing: Backing;
}

/** The ranges, cut at the edges of the windows, with what is to be said of each part. */
function* pieces(
  ranges: Iterable<FlatRange>,
  rules: MappingRules,
): IterableIterator<{ readonly range: FlatRange; readonly verdict: Backing | Reason }> {
  for (const range of ranges) {
    const verdict = judge(range, rules);
    if ('code' in verdict || rules.windows === undefined) {
      yield { range, verdict };
      continue;
    }
    let at = range.address;
    for (const window of windowsWithin(range, rules.windows)) {
      if (at < window.address) yield { range: clip(range, at, window.address), verdict: outside };
      at = endOf(window);
      yield { range: clip(range, window.address, at), verdict };
    }
    if (at < endOf(range)) yield { range: clip(range, at, endOf(range)), verdict: outside };
  }
}

const outside: Reason = {
  code: 'out-of-window',
  detail: () => 'nothing can be mapped at these addresses',
};

function windowsWithin(range: AddressRange, windows: readonly AddressRange[]): AddressRange[] {
  return windows.flatMap((window) => {
    const start = larger(window.address, range.address);
    const end = smaller(endOf(window), endOf(range));
    return start < end ? [{ address: start, size: end - start }] : [];
  });
}

function continues(last: Piece | undefined, { range, backing }: Piece): boolean {
  return (
    last !== undefined &&
    endOf(last.range) === range.address &&
    last.backing.delta === backing.delta &&
    last.backing.readonly === backing.readonly
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
  for (const [i, piece] of run.entries()) {
    const start = piece.range.address;
    const pieceEnd = endOf(piece.range);
    const refuse = (from: bigint, to: bigint): void => {
      if (from < to) refusals.push(new Refusal('sub-page', clip(piece.range, from, to), detail));
    };
    const detail = (): string => `it is a part of a page of ${hex(pageSize)} bytes`;
    refuse(start, smaller(first, pieceEnd));
    const from = larger(first, roundUp(start, pageSize));
    const to = smaller(end, roundUp(pieceEnd, pageSize));
    const parts = from < to ? watchedAlike(run, i, from, to, rules) : [];
    for (const { pages, dirtyLog } of parts) {
      for (const part of cutAtMultiples(pages, rules.largestMapping)) {
        mappings.push(mappingOf(piece, part, dirtyLog));
      }
    }
    refuse(larger(end, start), pieceEnd);
  }
}

/**
 * The pages from `start` up to, not including, `end`, which all begin in the piece at `index`: those of its own, and the last
 * one apart where somebody watches it for the sake of the next pieces only.
 */
function watchedAlike(
  run: readonly Piece[],
  index: number,
  start: bigint,
  end: bigint,
  { pageSize, canWatch = everything }: MappingRules,
): { readonly pages: AddressRange; readonly dirtyLog: boolean }[] {
  const isWatched = ({ range }: Piece): boolean => range.dirtyLogMask !== 0 && canWatch(range);
  const dirtyLog = isWatched(run[index] as Piece);
  let isEndWatched = dirtyLog;
  for (let i = index + 1; i < run.length; i++) {
    const piece = run[i] as Piece;
    if (piece.range.address >= end) break;
    isEndWatched ||= isWatched(piece);
  }
  const ownEnd = isEndWatched === dirtyLog ? end : end - pageSize;
  return [
    { pages: { address: start, size: ownEnd - start }, dirtyLog },
    { pages: { address: ownEnd, size: end - ownEnd }, dirtyLog: isEndWatched },
  ];
}

function mappingOf(
  { range, backing }: Piece,
  { address, size }: AddressRange,
  dirtyLog: boolean,
): PageMapping {
  return {
    address,
    size,
    hostAddress: address + backing.delta,
    readonly: backing.readonly,
    dirtyLog,
    region: range.region,
    offset: range.offset + (address - range.address),
  };
}

function everything(): boolean {
  return true;
}

function* cutAtMultiples(range: AddressRange, unit: bigint): IterableIterator<AddressRange> {
  const end = endOf(range);
  for (let at = range.address; at < end; ) {
    const next = smaller(end, roundDown(at, unit) + unit);
    yield { address: at, size: next - at };
    at = next;
  }
}

function startOfRun(run: readonly Piece[]): bigint {
  return (run[0] as Piece).range.address;
}

function endOfRun(run: readonly Piece[]): bigint {
  return endOf((run.at(-1) as Piece).range);
}

function roundDown(value: bigint, unit: bigint): bigint {
  return value - (value % unit);
}

function roundUp(value: bigint, unit: bigint): bigint {
  return roundDown(value + unit - 1n, unit);
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
