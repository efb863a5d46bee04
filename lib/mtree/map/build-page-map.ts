import { lastAddress } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { atOnce, type LongWorkOptions, type Steps } from '../../long-work.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { FlatRange, FlatView } from '../../memory/views/flat-view.js';
import { groupByFlatView } from '../describe-topology.js';
import { whileUnchanged } from '../while-unchanged.js';
import { type Consumer, listeningConsumers } from './consumer.js';
import type { ConsumerMap, MapRange, PageMap, RangeState, SpaceMap } from './page-map.js';
import { pageRuns } from './page-runs.js';
import { placeRegions } from './place-regions.js';
import { RegionList } from './region-list.js';

/** So many ranges are mapped in a step. */
const rangesAStep = 1024;

/** How a map is made. */
export interface PageMapOptions {
  /** Bytes of a page, a power of two. Default: 4096. */
  readonly pageSize?: bigint;
  /** Who maps memory. Default: of each address space the listeners that say what they made of an address. */
  readonly consumers?: readonly Consumer[];
  /** How many regions are placed in each address space at most. Default: 1,000,000. */
  readonly limit?: number;
}

/**
 * Maps what `spaces` show now. Those that show the same are mapped once, as the first one of them.
 *
 * @throws `ERR_INVALID_ARGUMENT` unless the page size is a power of two
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { buildTopology, readTopology } from 'flatview';
 * import {
 *   assumedConsumers,
 *   buildPageMap,
 *   type MapRange,
 *   type MapRegion,
 *   type PageMap,
 *   type PageMapOptions,
 *   type RangeState,
 *   type SpaceMap,
 * } from 'flatview/map';
 *
 * const { document } = readTopology(readFileSync('examples/dumps/rtl8168.json'));
 * const { topology, addressSpaces } = buildTopology(document);
 * const options: PageMapOptions = { pageSize: 0x1000n, consumers: assumedConsumers(0x1000n) };
 * const map: PageMap = buildPageMap(addressSpaces, options);
 *
 * const [space]: readonly SpaceMap[] = map.spaces;
 * const range: MapRange | undefined = space?.ranges[0];
 * const region: MapRegion | undefined = range && map.regions[range.region];
 * const state: RangeState | undefined = range?.state;
 * [region?.name, state]; // => ['pc.ram', 'ram']
 * space?.consumers.map(({ name }) => name); // => ['KVM', 'VFIO']
 * topology.close();
 * ```
 */
export function buildPageMap(
  spaces: readonly AddressSpace[],
  options: PageMapOptions = {},
): PageMap {
  return atOnce(pageMapSteps(spaces, options, new RegionList()));
}

/**
 * The same as {@link buildPageMap}, while the event loop turns.
 *
 * @throws As {@link buildPageMap}; `ERR_TOPOLOGY_CHANGED` where something was changed meanwhile; the signal's reason.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { buildTopology, readTopology } from 'flatview';
 * import { buildPageMapAsync } from 'flatview/map';
 *
 * const { document } = readTopology(readFileSync('examples/dumps/rtl8168-slow-page.json'));
 * const { topology, addressSpaces } = buildTopology(document);
 * const { spaces } = await buildPageMapAsync(addressSpaces, { pageSize: 0x1000n });
 * const split = spaces[0]?.pages.filter(({ state }) => state === 'split') ?? [];
 * split.map(({ ranges }) => ranges); // => [4, 4]
 * topology.close();
 * ```
 */
export function buildPageMapAsync(
  spaces: readonly AddressSpace[],
  options: PageMapOptions & LongWorkOptions = {},
): Promise<PageMap> {
  return whileUnchanged(spaces, pageMapSteps(spaces, options, new RegionList()), options);
}

/** Makes a map whose regions are numbered by `list`. */
export function* pageMapSteps(
  spaces: readonly AddressSpace[],
  options: PageMapOptions,
  list: RegionList,
): Steps<PageMap> {
  const { pageSize = 4096n } = options;
  if (pageSize <= 0n || (pageSize & (pageSize - 1n)) !== 0n) {
    const message = `pages of ${pageSize} bytes: that is not a power of two`;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
  }
  const mapped: SpaceMap[] = [];
  for (const group of groupByFlatView(spaces).values()) {
    const [space] = group;
    if (space === undefined) continue;
    const names = group.map(({ name }) => name);
    mapped.push(yield* mapSpace(space, names, pageSize, list, options));
  }
  const window = { first: 0n, last: lastAddress };
  return { pageSize, window, spaces: mapped, regions: list.regions };
}

function* mapSpace(
  space: AddressSpace,
  names: readonly string[],
  pageSize: bigint,
  list: RegionList,
  { consumers, limit = 1_000_000 }: PageMapOptions,
): Steps<SpaceMap> {
  const ranges = yield* mapRanges(space.flatView, list);
  const { placements, complete } = yield* placeRegions(space.root, list, limit);
  const pages = pageRuns(ranges, pageSize);
  const made: ConsumerMap[] = [];
  for (const consumer of ranges.some(isMemory) ? (consumers ?? listeningConsumers(space)) : []) {
    yield { what: 'regions placed', done: placements.length, total: placements.length };
    made.push({ name: consumer.name, verdicts: consumer.verdictsOn(space) });
  }
  return { names, root: space.root.name, ranges, pages, placements, complete, consumers: made };
}

function* mapRanges(view: FlatView, list: RegionList): Steps<MapRange[]> {
  const ranges: MapRange[] = [];
  for (const range of view.ranges()) {
    ranges.push(mapRange(range, list));
    if (ranges.length % rangesAStep === 0) {
      yield { what: 'ranges', done: ranges.length, total: view.rangeCount };
    }
  }
  return ranges;
}

/** Nobody maps anything of a space without memory, such as that of the I/O ports. */
function isMemory({ state }: MapRange): boolean {
  return state === 'ram' || state === 'rom' || state === 'device' || state === 'romd';
}

function mapRange(range: FlatRange, list: RegionList): MapRange {
  const { address: first, last, region, offset, nonvolatile } = range;
  const number = list.numberOf(region);
  return { first, last, region: number, offset, state: rangeState(range), nonvolatile };
}

function rangeState({ region, readonly, romd }: FlatRange): RangeState {
  switch (region.kind) {
    case 'ram':
    case 'rom':
      return readonly ? 'rom' : 'ram';
    case 'ram-device':
      return readonly ? 'rom' : 'device';
    case 'rom-device':
      return romd ? 'romd' : 'trapped';
    case 'reservation':
      return 'reserved';
    case 'iommu':
      return 'iommu';
    default:
      return 'trapped';
  }
}
