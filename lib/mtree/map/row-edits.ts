import { partitionPoint } from '../../partition-point.js';
/** What makes a list into a later one: from the place `at` of the earlier list on, `removed` rows go, and `rows` come. */
export type RowEdit = readonly [at: number, removed: number, rows: readonly string[]];

/** Ascending edits that make `before` into `after`. Rows that are in both, in the same order, are kept. */
export function editsBetween(before: readonly string[], after: readonly string[]): RowEdit[] {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const oldEnd = before.length - tail;
  const newEnd = after.length - tail;
  const edits: RowEdit[] = [];
  let [from, to] = [head, head];
  const upTo = (oldAt: number, newAt: number): void => {
    if (oldAt > from || newAt > to) edits.push([from, oldAt - from, after.slice(to, newAt)]);
    [from, to] = [oldAt + 1, newAt + 1];
  };
  for (const { oldAt, newAt } of keptRows(before, after, head, oldEnd, newEnd)) upTo(oldAt, newAt);
  upTo(oldEnd, newEnd);
  return edits;
}

/** The list that `edits` make of `rows`, which stays as it is. */
export function applyEdits(rows: readonly string[], edits: readonly RowEdit[]): readonly string[] {
  if (edits.length === 0) return rows;
  let from = 0;
  const parts = edits.map(([at, removed, fresh]) => {
    const kept = rows.slice(from, at);
    from = at + removed;
    return kept.concat(fresh);
  });
  return parts.concat([rows.slice(from)]).flat();
}

/** A row that is in both lists, with its places. */
interface KeptRow {
  readonly oldAt: number;
  readonly newAt: number;
  /** The one before it. */
  readonly previous: KeptRow | undefined;
}

/**
 * The longest list of rows that stand in both lists in the same order, each at the places of its first, second ...
 * occurrence: of the pairs of places, the longest chain that ascends in both.
 */
function keptRows(
  before: readonly string[],
  after: readonly string[],
  start: number,
  oldEnd: number,
  newEnd: number,
): KeptRow[] {
  const places = new Map<string, number[]>();
  for (let at = newEnd - 1; at >= start; at--) {
    const row = after[at] ?? '';
    const list = places.get(row);
    if (list) list.push(at);
    else places.set(row, [at]);
  }
  /** Of all chains of a length, the end of the one whose end stands first in the new list. */
  const ends: KeptRow[] = [];
  for (let oldAt = start; oldAt < oldEnd; oldAt++) {
    const newAt = places.get(before[oldAt] ?? '')?.pop();
    if (newAt === undefined) continue;
    const length = firstEndFrom(ends, newAt);
    ends[length] = { oldAt, newAt, previous: ends[length - 1] };
  }
  const kept: KeptRow[] = [];
  for (let row = ends.at(-1); row !== undefined; row = row.previous) kept.push(row);
  return kept.reverse();
}

function firstEndFrom(ends: readonly KeptRow[], newAt: number): number {
  return partitionPoint(ends.length, (place) => (ends[place]?.newAt ?? 0) < newAt);
}
