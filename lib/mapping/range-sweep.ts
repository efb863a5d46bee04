import { larger, smaller } from '../address.js';
import { type AddressRange, endOf } from './page-mapping.js';

/** `ranges` in ascending order. */
export function inOrder<Range extends AddressRange>(ranges: readonly Range[]): readonly Range[] {
  return isInOrder(ranges) ? ranges : ranges.toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

function isInOrder(ranges: readonly AddressRange[]): boolean {
  for (let i = 1; i < ranges.length; i++) {
    if ((ranges[i] as AddressRange).address < (ranges[i - 1] as AddressRange).address) return false;
  }
  return true;
}

/**
 * Goes through two lists of ranges at once, both in order and without overlaps in themselves. Each stretch of addresses
 * over which neither list changes, and at least one has a range, is visited: ascending, with the range of each.
 */
export function sweep<A extends AddressRange, B extends AddressRange>(
  a: readonly A[],
  b: readonly B[],
  visit: (one: A | undefined, other: B | undefined, start: bigint, end: bigint) => void,
): void {
  let [i, k] = [0, 0];
  let one = a[0];
  let other = b[0];
  for (let at = 0n; one !== undefined || other !== undefined; ) {
    const start = larger(at, smallerOf(one?.address, other?.address));
    const oneEdge = edgeBehind(start, one);
    const otherEdge = edgeBehind(start, other);
    at = smallerOf(oneEdge, otherEdge);
    const inOne = oneEdge === one?.address ? undefined : one;
    const inOther = otherEdge === other?.address ? undefined : other;
    visit(inOne, inOther, start, at);
    if (inOne !== undefined && oneEdge === at) one = a[++i];
    if (inOther !== undefined && otherEdge === at) other = b[++k];
  }
}

/** Where `range` begins when that is behind `address`, and where it ends otherwise. */
function edgeBehind(address: bigint, range: AddressRange | undefined): bigint | undefined {
  return range && (range.address > address ? range.address : endOf(range));
}

/** The addresses that two ranges have in common; where there are none, the size is 0 or negative. */
export function common(a: AddressRange, b: AddressRange): AddressRange {
  const start = larger(a.address, b.address);
  return { address: start, size: smallerOf(endOf(a), endOf(b)) - start };
}

/** The parts of `ranges` that lie in none of `covers`. Both are in order and don't overlap in themselves. */
export function uncovered<Range extends AddressRange>(
  ranges: readonly Range[],
  covers: readonly AddressRange[],
): { readonly range: Range; readonly start: bigint; readonly end: bigint }[] {
  const parts: { range: Range; start: bigint; end: bigint }[] = [];
  sweep(ranges, covers, (range, cover, start, end) => {
    if (range !== undefined && cover === undefined) parts.push({ range, start, end });
  });
  return parts;
}

/** As few ranges as cover the same addresses, in order. */
export function united(ranges: readonly AddressRange[]): AddressRange[] {
  const union: AddressRange[] = [];
  for (const range of inOrder(ranges)) {
    const last = union.at(-1);
    if (last === undefined || endOf(last) < range.address) union.push(range);
    else if (endOf(last) < endOf(range)) {
      union[union.length - 1] = { address: last.address, size: endOf(range) - last.address };
    }
  }
  return union;
}

/** The smaller of the two that there are; 0 when there are none. */
function smallerOf(a: bigint | undefined, b: bigint | undefined): bigint {
  if (a === undefined || b === undefined) return a ?? b ?? 0n;
  return smaller(a, b);
}
