import { lastAddress } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import { groupByFlatView } from '../describe-topology.js';
import { type Consumer, listeningConsumers } from './consumer.js';
import type { MapRange, PageMap, RangeState, SpaceMap } from './page-map.js';
import { pageRuns } from './page-runs.js';
import { placeRegions, type WalkProgress } from './place-regions.js';
import { RegionList } from './region-list.js';

/** How a map is made. */
export interface PageMapOptions {
  /** Bytes of a page, a power of two. Default: 4096. */
  readonly pageSize?: bigint;
  /** Who maps memory. Default: of each address space the listeners that say what they made of an address. */
  readonly consumers?: readonly Consumer[];
  /** How many regions are placed in each address space at most. Default: 1,000,000. */
  readonly limit?: number;
  /** Called now and then with the number of regions placed so far. */
  readonly onProgress?: WalkProgress;
}

/**
 * Maps what `spaces` show now. Those that show the same are mapped once, as the first one of them.
 *
 * @throws `ERR_INVALID_ARGUMENT` unless the page size is a power of two
 */
export function buildPageMap(
  spaces: readonly AddressSpace[],
  options: PageMapOptions = {},
): PageMap {
  const { pageSize = 4096n } = options;
  if (pageSize <= 0n || (pageSize & (pageSize - 1n)) !== 0n) {
    const message = `pages of ${pageSize} bytes: that is not a power of two`;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
  }
  const list = new RegionList();
  const groups = [...groupByFlatView(spaces).values()];
  return {
    pageSize,
    window: { first: 0n, last: lastAddress },
    spaces: groups.flatMap((group) => mapSpace(group, pageSize, list, options)),
    regions: list.regions,
  };
}

function mapSpace(
  group: readonly AddressSpace[],
  pageSize: bigint,
  list: RegionList,
  { consumers, limit = 1_000_000, onProgress }: PageMapOptions,
): SpaceMap[] {
  const [space] = group;
  if (space === undefined) return [];
  const ranges = [...space.flatView.ranges()].map((range) => mapRange(range, list));
  const { placements, complete } = placeRegions(space.root, list, limit, onProgress);
  return [
    {
      names: group.map(({ name }) => name),
      root: space.root.name,
      ranges,
      pages: pageRuns(ranges, pageSize),
      placements,
      complete,
      consumers: ranges.some(isMemory)
        ? (consumers ?? listeningConsumers(space)).map((consumer) => ({
            name: consumer.name,
            verdicts: consumer.verdictsOn(space),
          }))
        : [],
    },
  ];
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
