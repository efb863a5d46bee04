import type { AddressSpace } from '../memory/address-space.js';
import { AliasRegion } from '../memory/regions/alias-region.js';
import type { MemoryRegion } from '../memory/regions/memory-region.js';
import { RomDeviceRegion } from '../memory/regions/rom-device-region.js';
import type { FlatView } from '../memory/views/flat-view.js';
import type { FlatViewRecord, RegionRecord, TopologyDocument } from './topology-document.js';

/** What {@link describeTopology} is to add to the regions and address spaces. */
export interface DescribeOptions {
  /** See {@link TopologyDocument.name}. */
  readonly name?: string;
  /** Whether to include the flat views. Default: false. */
  readonly flatViews?: boolean;
}

/**
 * A live tree as a document: every region that an address space shows or hides, directly or through aliases. A parent
 * that only holds the target of an alias, and can't be reached otherwise, is left out.
 *
 * @example
 * ```ts
 * import {
 *   type AddressSpaceRecord,
 *   type AliasRecord,
 *   type DescribeOptions,
 *   describeTopology,
 *   MemoryTopology,
 *   type TopologyDocument,
 * } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x1_8000_0000n, { backing: 'none' });
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.alias('ram-below-4g', ram, { size: 0xc000_0000n }));
 * topology.addressSpace('memory', system);
 *
 * const options: DescribeOptions = { name: 'a PC with 6 GiB' };
 * const document: TopologyDocument = describeTopology(topology.addressSpaces, options);
 * document.regions.map(({ id, name }) => [id, name]);
 * // => [[0, 'system'], [1, 'ram-below-4g'], [2, 'pc.ram']]
 * const window: AliasRecord | undefined = document.regions[1]?.alias;
 * window; // => { target: 2, offset: 0x0n }
 * const spaces: readonly AddressSpaceRecord[] = document.addressSpaces;
 * spaces; // => [{ name: 'memory', root: 0 }]
 * topology.close();
 * ```
 */
export function describeTopology(
  spaces: readonly AddressSpace[],
  options: DescribeOptions = {},
): TopologyDocument {
  const regions = reachableRegions(spaces);
  const ids = new Map(regions.map((region, id) => [region, id]));
  return {
    ...(options.name !== undefined && { name: options.name }),
    regions: describeRegions(ids),
    addressSpaces: spaces.map(({ name, root }) => ({ name, root: idOf(ids, root) })),
    ...(options.flatViews && { flatViews: describeFlatViews(spaces, ids) }),
  };
}

/** The address spaces of each distinct flat view, in the order of their first ones. */
export function groupByFlatView(spaces: readonly AddressSpace[]): Map<FlatView, AddressSpace[]> {
  const groups = new Map<FlatView, AddressSpace[]>();
  for (const space of spaces) {
    const group = groups.get(space.flatView);
    if (group) group.push(space);
    else groups.set(space.flatView, [space]);
  }
  return groups;
}

/** The regions of a document and their ids in it. */
export type RegionIds = ReadonlyMap<MemoryRegion, number>;

function reachableRegions(spaces: readonly AddressSpace[]): MemoryRegion[] {
  const reached = new Set(spaces.map(({ root }) => root));
  for (const region of reached) {
    // A set that grows while it is walked is walked to its new end.
    for (const child of region.subregions) reached.add(child);
    if (region instanceof AliasRegion) reached.add(region.target);
  }
  return [...reached];
}

/** The records of all regions that have an id, with the order in which siblings stand. */
export function describeRegions(ids: RegionIds): RegionRecord[] {
  const regions = [...ids.keys()];
  const orders = new Map(
    regions.flatMap(({ subregions }) =>
      [...subregions.entries()].map(([at, child]) => [child, at]),
    ),
  );
  return regions.map((region) => describeRegion(region, ids, orders.get(region) ?? 0));
}

/** The record of one region; `order` is its place among its siblings. */
export function describeRegion(region: MemoryRegion, ids: RegionIds, order: number): RegionRecord {
  return {
    id: idOf(ids, region),
    name: region.name,
    kind: region.kind,
    address: region.address,
    size: region.size,
    priority: region.priority,
    enabled: region.enabled,
    parent: region.parent && ids.get(region.parent),
    order,
    alias:
      region instanceof AliasRegion
        ? { target: idOf(ids, region.target), offset: region.offset }
        : undefined,
    readonly: region.readonly,
    nonvolatile: region.nonvolatile,
    romd: region instanceof RomDeviceRegion ? region.romd : true,
    unmergeable: region.unmergeable,
    dirtyLogMask: region.dirtyLogMask,
    owner: region.owner,
  };
}

function describeFlatViews(spaces: readonly AddressSpace[], ids: RegionIds): FlatViewRecord[] {
  const indexes = new Map(spaces.map((space, index) => [space, index]));
  return [...groupByFlatView(spaces)].map(([view, group]) => ({
    addressSpaces: group.map((space) => indexes.get(space) ?? 0),
    root: view.root && idOf(ids, view.root),
    ranges: Array.from(view.ranges(), (range) => ({
      address: range.address,
      size: range.size,
      region: idOf(ids, range.region),
      offset: range.offset,
      readonly: range.readonly,
      nonvolatile: range.nonvolatile,
      romd: range.romd,
      dirtyLogMask: range.dirtyLogMask,
    })),
  }));
}

function idOf(ids: RegionIds, region: MemoryRegion): number {
  const id = ids.get(region);
  if (id === undefined) throw new Error(`${region.label} was not reached from any address space`);
  return id;
}
