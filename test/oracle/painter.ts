// The naive painter: what a flat view must be, from the rules, as slowly and plainly as they can be written down.
//
// Between two neighbouring boundaries nothing changes, so it is enough to ask, for the first address of each such
// interval, who answers there, and then to join what belongs together.

import type { PlainRegion } from './plain-region.js';

/** A stretch of addresses where one part of one region answers; `last` is inclusive. */
export interface PaintedRange {
  first: bigint;
  last: bigint;
  region: PlainRegion;
  /** Offset in the region of the first address. */
  offset: bigint;
  readonly: boolean;
  nonvolatile: boolean;
  unmergeable: boolean;
  romd: boolean;
  dirtyLogMask: number;
}

/** Attributes that a region gets from the containers and aliases above it. */
interface Inherited {
  readonly readonly: boolean;
  readonly nonvolatile: boolean;
  readonly unmergeable: boolean;
}

/** A region, and the container or alias through which one came to it. */
interface Path {
  readonly region: PlainRegion;
  readonly from: Path | undefined;
}

/** Who answers at an address, and the way that led there. */
interface Answer {
  readonly region: PlainRegion;
  readonly offset: bigint;
  readonly inherited: Inherited;
  readonly path: Path;
}

/** A range, and the way that led to its region: what tells one visit of a region from another. */
interface Visit {
  readonly range: PaintedRange;
  readonly path: Path;
}

/** The tree can't be painted: aliases recurse without end, or deeper than `MAX_DEPTH`. */
export class EndlessTree extends Error {}

/** Painting the tree takes more visits of regions than were allowed. */
export class CostlyTree extends Error {}

/** Deeper trees than this are taken for endless. */
const MAX_DEPTH = 1000;

const ADDRESS_LIMIT = 1n << 64n;
const NOTHING_INHERITED: Inherited = { readonly: false, nonvolatile: false, unmergeable: false };

/**
 * The flat view of the tree below `root`.
 *
 * @param maxVisits Regions are visited once for each way that leads to them; of more visits {@link CostlyTree} is thrown.
 */
export function paint(root: PlainRegion, maxVisits = Number.POSITIVE_INFINITY): PaintedRange[] {
  const painted: Visit[] = [];
  const edges = boundaries(root, maxVisits);
  for (const [i, first] of edges.entries()) {
    const answer = whoAnswers(root, 0n, first, NOTHING_INHERITED, undefined);
    const end = edges[i + 1];
    if (answer === undefined || end === undefined) continue;
    const visit = { range: rangeOf(answer, first, end - 1n), path: answer.path };
    const before = painted.at(-1);
    if (before !== undefined && belongTogether(before, visit)) before.range.last = visit.range.last;
    else painted.push(visit);
  }
  return painted.map(({ range }) => range);
}

/** Where a region is shown: at which address it starts, and between which addresses it can be seen. */
interface Showing {
  readonly region: PlainRegion;
  readonly start: bigint;
  readonly from: bigint;
  readonly to: bigint;
}

/** Every address where the answer can change, ascending. */
function boundaries(root: PlainRegion, maxVisits: number): bigint[] {
  const edges = new Set<bigint>();
  let visits = 0;

  /** Adds the edges of what can be seen of `region`, and of all below it, within what is seen of the one above. */
  function visit(region: PlainRegion, base: bigint, above: readonly Showing[]): void {
    if (!region.enabled) return;
    const window = above.at(-1) ?? { from: 0n, to: ADDRESS_LIMIT };
    const start = base + region.address;
    const from = largest(start, window.from);
    const to = smallest(start + region.size, window.to);
    if (from >= to) return;
    const showing = { region, start, from, to };
    if (above.length > MAX_DEPTH || above.some((it) => isSame(it, showing))) {
      throw new EndlessTree(region.name);
    }
    if (++visits > maxVisits) throw new CostlyTree(region.name);
    edges.add(from).add(to);
    const path = [...above, showing];
    if (region.alias !== undefined) {
      const { target, offset } = region.alias;
      visit(target, start - offset - target.address, path);
    }
    for (const child of region.subregions) visit(child, start, path);
  }

  visit(root, 0n, []);
  return [...edges].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** A region shown within itself at the same place is shown there without end. */
function isSame(a: Showing, b: Showing): boolean {
  return a.region === b.region && a.start === b.start && a.from === b.from && a.to === b.to;
}

function smallest(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** Who answers at `address` in the tree of `region`, whose parent starts at `base`. */
function whoAnswers(
  region: PlainRegion,
  base: bigint,
  address: bigint,
  above: Inherited,
  from: Path | undefined,
): Answer | undefined {
  if (!region.enabled) return undefined;
  const start = base + region.address;
  if (address < start || address >= start + region.size) return undefined;

  const path = { region, from };
  const inherited = {
    readonly: above.readonly || region.readonly,
    nonvolatile: above.nonvolatile || region.nonvolatile,
    unmergeable: above.unmergeable || region.unmergeable,
  };
  if (region.alias !== undefined) {
    // The target's own address is the first thing that it adds to its base; here it must play no part.
    const { target, offset } = region.alias;
    return whoAnswers(target, start - offset - target.address, address, inherited, path);
  }
  for (const child of region.subregions) {
    const answer = whoAnswers(child, start, address, inherited, path);
    if (answer !== undefined) return answer;
  }
  if (!region.terminates) return undefined;
  return { region, offset: address - start, inherited, path };
}

/** Everyone who lies at an address, in stacking order: who answers, and then who would if those before were not there. */
export function everyoneAt(root: PlainRegion, address: bigint): PlainRegion[] {
  const everyone: PlainRegion[] = [];

  function visit(region: PlainRegion, base: bigint): void {
    const start = base + region.address;
    if (!region.enabled || address < start || address >= start + region.size) return;
    if (region.alias !== undefined) {
      const { target, offset } = region.alias;
      visit(target, start - offset - target.address);
    }
    for (const child of region.subregions) visit(child, start);
    if (region.terminates) everyone.push(region);
  }

  visit(root, 0n);
  return everyone;
}

function rangeOf({ region, offset, inherited }: Answer, first: bigint, last: bigint): PaintedRange {
  const { romd, dirtyLogMask } = region;
  return { first, last, region, offset, ...inherited, romd, dirtyLogMask };
}

/**
 * Whether two painted intervals are one range. What was painted at one visit of a region always is: the boundary
 * between them is of something that can't be seen. What was painted at two visits (by two aliases, say) is where the
 * second continues the first and looks the same, unless one of them is not to be merged.
 */
function belongTogether(a: Visit, b: Visit): boolean {
  if (a.range.last + 1n !== b.range.first) return false;
  return isSamePath(a.path, b.path) || continues(a.range, b.range);
}

function isSamePath(a: Path | undefined, b: Path | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.region === b.region && isSamePath(a.from, b.from);
}

function continues(a: PaintedRange, b: PaintedRange): boolean {
  return (
    a.region === b.region &&
    a.offset + (a.last - a.first + 1n) === b.offset &&
    a.readonly === b.readonly &&
    a.nonvolatile === b.nonvolatile &&
    a.romd === b.romd &&
    a.dirtyLogMask === b.dirtyLogMask &&
    !a.unmergeable &&
    !b.unmergeable
  );
}

/**
 * The region that stands for `root` when two address spaces are compared: a root that shows nothing but all of one
 * other region, without changing how it looks, is passed over. `undefined` is the empty view.
 *
 * QEMU passes over more (memory_region_get_flatview_root looks neither at attributes nor at an alias target's own
 * address) and so renders some trees differently from its own rules; this doesn't.
 */
export function viewRoot(root: PlainRegion): PlainRegion | undefined {
  let region = root;
  while (region.enabled) {
    const next = onlyShown(region);
    if (next === undefined) return region;
    if (next === 'nothing') return undefined;
    region = next;
  }
  return undefined;
}

function onlyShown(region: PlainRegion): PlainRegion | 'nothing' | undefined {
  if (region.alias === undefined && region.terminates) return undefined;
  const enabled = region.subregions.filter((child) => child.enabled);
  if (region.alias === undefined && enabled.length === 0) return 'nothing';
  if (region.address !== 0n) return undefined;
  if (region.readonly || region.nonvolatile || region.unmergeable) return undefined;
  if (region.alias !== undefined) {
    const { target, offset } = region.alias;
    return offset === 0n && target.address === 0n && target.size <= region.size
      ? target
      : undefined;
  }
  const [child] = enabled;
  if (child === undefined || enabled.length > 1) return undefined;
  return child.address === 0n && child.size <= region.size ? child : undefined;
}
