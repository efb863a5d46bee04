import { larger, smaller } from '../../address.js';
import type { MapRange, SpaceMap } from './page-map.js';

/**
 * The ranges of a space, cut where their whole pages begin and end: each piece fills whole pages, or is a part of one.
 * Where nobody maps pages, as of I/O ports, the ranges are left as they are.
 */
export function rangePieces({ ranges, pages, consumers }: SpaceMap): readonly MapRange[] {
  if (consumers.length === 0) return ranges;
  return pages.flatMap((run) =>
    ranges.slice(run.range, run.range + run.ranges).map((range) => {
      const first = larger(range.first, run.first);
      const last = smaller(range.last, run.last);
      return { ...range, first, last, offset: range.offset + (first - range.first) };
    }),
  );
}
