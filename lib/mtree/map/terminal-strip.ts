import type { PageRun } from './page-map.js';
import { type CellState, stateWords } from './state-words.js';
import type { Painter } from './terminal-paint.js';

/** Of so many pages each has a cell of its own; longer runs are drawn as long as these. */
const longestRun = 16n;

/** How a strip is drawn. */
export interface StripOptions {
  readonly pageSize: bigint;
  /** Where the strip begins. */
  readonly start: bigint;
  /** Characters of a line. */
  readonly width: number;
  /** Hexadecimal digits of an address. */
  readonly digits: number;
  readonly paint: Painter;
}

/** Some cells of the strip that are alike. */
interface Cells {
  readonly address: bigint;
  readonly state: CellState;
  readonly count: number;
}

/**
 * All pages of a space in a few lines, one cell a page: what is longer than 16 pages is shortened to that, and what is
 * empty to one cell. Each line begins with the address of its first cell.
 */
export function* stripLines(
  pages: readonly PageRun[],
  { pageSize, start, width, digits, paint }: StripOptions,
): Generator<string, void> {
  const room = width - digits - 1;
  let line = '';
  let used = 0;
  for (const { address, state, count } of cellsOf(pages, pageSize, start)) {
    const { letter } = stateWords[state];
    for (let drawn = 0; drawn < count; ) {
      if (used === 0) line = `${addressAt(address, drawn, pageSize).padStart(digits, '0')} `;
      const fitting = Math.min(count - drawn, room - used);
      line += paint(letter.repeat(fitting), state);
      drawn += fitting;
      used += fitting;
      if (used < room) continue;
      yield line;
      used = 0;
    }
  }
  if (used > 0) yield line;
}

function addressAt(address: bigint, cell: number, pageSize: bigint): string {
  return (address + BigInt(cell) * pageSize).toString(16);
}

function* cellsOf(
  pages: readonly PageRun[],
  pageSize: bigint,
  start: bigint,
): Generator<Cells, void> {
  let next = start;
  for (const { first, last, state } of pages) {
    if (first > next) yield { address: next, state: 'empty', count: 1 };
    const count = (last - first + 1n) / pageSize;
    yield { address: first, state, count: Number(count < longestRun ? count : longestRun) };
    next = last + 1n;
  }
}
