import type { Extent, MapRange, PageRun } from './page-map.js';

/**
 * The pages that `ranges` show in. Pages of one range that fill it alone are one run; a page that is shared, or partly
 * empty, is a run by itself.
 */
export function pageRuns(ranges: readonly MapRange[], pageSize: bigint): PageRun[] {
  const runs: PageRun[] = [];
  const split = (at: bigint, range: number): void => {
    const page = { first: at, last: at + pageSize - 1n };
    const open = runs.at(-1);
    if (open?.first === at) runs[runs.length - 1] = { ...open, ranges: range - open.range + 1 };
    else runs.push({ ...page, state: 'split', range, ranges: 1 });
  };
  for (const [index, { first, last, state }] of ranges.entries()) {
    const whole = wholePages({ first, last }, pageSize);
    if (first % pageSize !== 0n) split(first - (first % pageSize), index);
    if (whole) runs.push({ ...whole, state, range: index, ranges: 1 });
    const end = last + 1n;
    const lastPage = last - (last % pageSize);
    if (end % pageSize !== 0n && (first % pageSize === 0n || lastPage > first))
      split(lastPage, index);
  }
  return runs;
}

/** The pages that lie within an extent as a whole; `undefined` if none does. */
function wholePages({ first, last }: Extent, pageSize: bigint): Extent | undefined {
  const start = first + ((pageSize - (first % pageSize)) % pageSize);
  const end = last + 1n - ((last + 1n) % pageSize);
  return start < end ? { first: start, last: end - 1n } : undefined;
}
