import type { Extent, MapRange, MapRegion, MapVerdict, SpaceMap } from './page-map.js';

/** Addresses that are not what they were. */
export interface MapChange extends Extent {
  /** What showed there before; `undefined` if nothing did. */
  readonly before: MapRange | undefined;
  /** What shows there now. */
  readonly after: MapRange | undefined;
  /** The consumers that make something else of it. */
  readonly consumers: readonly ConsumerChange[];
}

/** What a consumer made of addresses, and makes of them now: a code of a verdict. */
export interface ConsumerChange {
  /** The consumer's name. */
  readonly name: string;
  /** The code of its verdict before; `undefined` where it had none. */
  readonly before: string | undefined;
  /** The code of its verdict after; `undefined` where it has none. */
  readonly after: string | undefined;
}

/** A space, and the regions that it refers to. */
export interface MapSide {
  /** The address space. */
  readonly space: SpaceMap;
  /** The regions, which ranges and placements name by their place here. */
  readonly regions: readonly MapRegion[];
}

/**
 * Where two spaces differ, ascending: in what shows, or in what a consumer makes of it.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   assumedConsumers,
 *   buildPageMap,
 *   type ConsumerChange,
 *   type MapChange,
 *   type MapSide,
 *   mapChanges,
 * } from 'flatview/map';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x10_0000n, { backing: 'none' }));
 * const vga = topology.io('vga-lowmem', 0x2_0000n, {}, { enabled: false });
 * system.addSubregion(0xa_0000n, vga, { priority: 1 });
 * const memory = topology.addressSpace('memory', system);
 *
 * const sides = (): MapSide[] => {
 *   const { spaces, regions } = buildPageMap([memory], { consumers: assumedConsumers(0x1000n) });
 *   return spaces.map((space) => ({ space, regions }));
 * };
 * const [before] = sides();
 * vga.enabled = true;
 * const [after] = sides();
 * const changes: MapChange[] = before && after ? mapChanges(before, after) : [];
 * changes.map(({ first, last }) => [first, last]); // => [[0xa_0000n, 0xb_ffffn]]
 * const consumers: readonly ConsumerChange[] | undefined = changes[0]?.consumers;
 * consumers?.[0]; // => { name: 'KVM', before: 'mapped', after: 'not-ram' }
 * topology.close();
 * ```
 */
export function mapChanges(before: MapSide, after: MapSide): MapChange[] {
  const [old, now] = [new SideSweep(before), new SideSweep(after)];
  const names = new Set([...old.consumers, ...now.consumers]);
  const changes: MapChange[] = [];
  const edges = [...new Set([...edgesOf(before.space), ...edgesOf(after.space)])].sort((a, b) =>
    a < b ? -1 : 1,
  );
  for (const [index, first] of edges.entries()) {
    const end = edges[index + 1];
    if (end === undefined) break;
    const [was, is] = [old.at(first), now.at(first)];
    const consumers = [...names].flatMap((name) => {
      const [one, other] = [was.codes.get(name), is.codes.get(name)];
      return one === other ? [] : [{ name, before: one, after: other }];
    });
    if (was.key === is.key && consumers.length === 0) continue;
    const change = { first, last: end - 1n, before: was.range, after: is.range, consumers };
    const joined = join(changes.at(-1), change);
    if (joined) changes[changes.length - 1] = joined;
    else changes.push(change);
  }
  return changes;
}

/** Two changes as one, where the second continues the first. */
function join(one: MapChange | undefined, other: MapChange): MapChange | undefined {
  if (one === undefined || one.last + 1n !== other.first) return undefined;
  if (one.before !== other.before || one.after !== other.after) return undefined;
  if (JSON.stringify(one.consumers) !== JSON.stringify(other.consumers)) return undefined;
  return { ...one, last: other.last };
}

function edgesOf({ ranges, consumers }: SpaceMap): bigint[] {
  const extents: Extent[] = [...ranges, ...consumers.flatMap(({ verdicts }) => verdicts)];
  return extents.flatMap(({ first, last }) => [first, last + 1n]);
}

/** What a side shows at addresses that are asked for in ascending order. */
class SideSweep {
  readonly consumers: readonly string[];
  readonly #side: MapSide;
  readonly #ranges: Cursor<MapRange>;
  readonly #verdicts: readonly { readonly name: string; readonly cursor: Cursor<MapVerdict> }[];

  constructor(side: MapSide) {
    this.#side = side;
    this.#ranges = new Cursor(side.space.ranges);
    this.consumers = side.space.consumers.map(({ name }) => name);
    this.#verdicts = side.space.consumers.map(({ name, verdicts }) => ({
      name,
      cursor: new Cursor(verdicts),
    }));
  }

  at(address: bigint) {
    const range = this.#ranges.at(address);
    const codes = new Map(
      this.#verdicts.map(({ name, cursor }) => [name, cursor.at(address)?.code]),
    );
    return { range, key: this.#keyOf(range), codes };
  }

  /** The same for ranges that show the same bytes in the same way. */
  #keyOf(range: MapRange | undefined): string {
    if (range === undefined) return '';
    const { name, kind, owner } = this.#side.regions[range.region] ?? {};
    const { state, nonvolatile, first, offset } = range;
    return JSON.stringify([name, kind, owner, state, nonvolatile, String(first - offset)]);
  }
}

/** Ascending extents, asked for by ascending addresses. */
class Cursor<E extends Extent> {
  readonly #extents: readonly E[];
  #next = 0;

  constructor(extents: readonly E[]) {
    this.#extents = extents;
  }

  at(address: bigint): E | undefined {
    while ((this.#extents[this.#next]?.last ?? address) < address) this.#next++;
    const extent = this.#extents[this.#next];
    return extent !== undefined && extent.first <= address ? extent : undefined;
  }
}
