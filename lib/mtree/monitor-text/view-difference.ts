import { lastAddress, wholeRange } from '../../address.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { FlatRange, FlatView } from '../../memory/views/flat-view.js';
import { regionType } from '../region-type.js';
import type { ViewBlock, ViewLine } from './dump.js';
import { isSameOwner, type TextRegion } from './text-region.js';

/** A stretch of addresses where what was rendered is not what the text shows. */
export interface Difference {
  readonly first: bigint;
  readonly last: bigint;
  /** The line that shows who answers; undefined where the text shows a hole. */
  readonly expected: ViewLine | undefined;
  readonly rendered: FlatRange | undefined;
}

/** The regions of a text as they were built. */
export type BuiltRegions = ReadonlyMap<MemoryRegion, TextRegion>;

/** Compares a rendered view with a printed one, by addresses: it does not matter where ranges are split. */
export function* differences(
  view: FlatView,
  block: ViewBlock,
  built: BuiltRegions,
): Generator<Difference, void> {
  for (const stretch of stretches([...view.ranges()], block.ranges)) {
    if (!agrees(stretch, built)) yield stretch;
  }
}

/** Cuts both lists at each other's ends, so that one range at most of each list belongs to a stretch. */
function* stretches(
  rendered: readonly FlatRange[],
  expected: readonly ViewLine[],
): Generator<Difference, void> {
  let first = 0n;
  for (let i = 0, j = 0; i < rendered.length || j < expected.length; ) {
    const range = reachOf(first, rendered[i], rendered[i]?.address, rendered[i]?.last);
    const line = reachOf(first, expected[j], expected[j]?.start, expected[j]?.end);
    const last = range.last < line.last ? range.last : line.last;
    yield { first, last, expected: line.here, rendered: range.here };
    if (range.here && range.last === last) i++;
    if (line.here && line.last === last) j++;
    first = last + 1n;
  }
}

/** Whether the next range of a list has begun at `first`, and the last address for which that holds. */
function reachOf<T>(first: bigint, next: T | undefined, start = wholeRange, end = lastAddress) {
  return start <= first ? { here: next, last: end } : { here: undefined, last: start - 1n };
}

function agrees({ expected, rendered }: Difference, built: BuiltRegions): boolean {
  if (!expected || !rendered) return expected === rendered;
  return (
    expected.name === rendered.region.name &&
    expected.offset - expected.start === rendered.offset - rendered.address &&
    expected.priority === rendered.region.priority &&
    expected.nonvolatile === rendered.nonvolatile &&
    isSameOwner(expected.owner, built.get(rendered.region)?.owner) &&
    expected.type === (rendered.readonly ? 'rom' : regionType(rendered.region))
  );
}
