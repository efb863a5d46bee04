import { larger, smaller } from '../address.js';

/** Bytes at an offset: of a region, of a BAR. */
export interface OffsetRange {
  /** Of the first byte. */
  readonly offset: bigint;
  /** In bytes. */
  readonly size: bigint;
}

/** From `start` up to, not including, `end`. */
interface Interval {
  readonly start: bigint;
  readonly end: bigint;
}

/** A set of offsets, kept as the ranges that it consists of. */
export class RangeSet {
  /** Ascending; none touches the next. */
  #intervals: readonly Interval[] = [];

  /** Adds all of `range`. */
  add(range: OffsetRange): void {
    const { start, end } = toInterval(range);
    if (start === end) return;
    const joined = this.#intervals.filter((it) => it.start <= end && it.end >= start);
    const apart = this.#intervals.filter((it) => it.start > end || it.end < start);
    const first = joined[0]?.start ?? start;
    const last = joined.at(-1)?.end ?? end;
    apart.push({ start: first < start ? first : start, end: last > end ? last : end });
    this.#intervals = apart.sort((a, b) => (a.start < b.start ? -1 : 1));
  }

  /** Removes all of `range`. */
  remove(range: OffsetRange): void {
    const { start, end } = toInterval(range);
    if (start === end) return;
    this.#intervals = this.#intervals.flatMap((it) => {
      const before = { start: it.start, end: smaller(it.end, start) };
      const behind = { start: larger(it.start, end), end: it.end };
      return [before, behind].filter((part) => part.start < part.end);
    });
  }

  /** The parts of `range` that are in the set, ascending. */
  within(range: OffsetRange): OffsetRange[] {
    const { start, end } = toInterval(range);
    return this.#intervals
      .map((it) => ({ start: larger(it.start, start), end: smaller(it.end, end) }))
      .filter((it) => it.start < it.end)
      .map(toRange);
  }

  /** The parts of `range` that are not in the set, ascending. */
  missing(range: OffsetRange): OffsetRange[] {
    const gaps: OffsetRange[] = [];
    let at = range.offset;
    for (const { offset, size } of this.within(range)) {
      if (offset > at) gaps.push({ offset: at, size: offset - at });
      at = offset + size;
    }
    const end = range.offset + range.size;
    if (end > at) gaps.push({ offset: at, size: end - at });
    return gaps;
  }
}

function toInterval({ offset, size }: OffsetRange): Interval {
  return { start: offset, end: offset + size };
}

function toRange({ start, end }: Interval): OffsetRange {
  return { offset: start, size: end - start };
}
