import { larger, smaller } from '../../address.js';
import type { Extent, PageMap, SpaceMap } from './page-map.js';
import { pageRuns } from './page-runs.js';

/**
 * What of `map` lies at `window`, rounded outward to whole pages: ranges, pages and verdicts are cut to it. The regions'
 * places stay as they are.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { buildPageMap, type Extent, mapWindow } from 'flatview/map';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x8000_0000n, { backing: 'none' });
 * const map = buildPageMap([topology.addressSpace('memory', ram)]);
 * const bootSector: Extent = { first: 0x7c00n, last: 0x7dffn };
 * const { window, spaces } = mapWindow(map, bootSector);
 * window; // => { first: 0x7000n, last: 0x7fffn }
 * spaces[0]?.ranges.map(({ first, offset }) => [first, offset]); // => [[0x7000n, 0x7000n]]
 * topology.close();
 * ```
 */
export function mapWindow(map: PageMap, window: Extent): PageMap {
  const { pageSize } = map;
  if (window.first <= map.window.first && window.last >= map.window.last) return map;
  const pages = {
    first: window.first - (window.first % pageSize),
    last: window.last - (window.last % pageSize) + pageSize - 1n,
  };
  return {
    ...map,
    window: pages,
    spaces: map.spaces.map((space) => spaceWindow(space, pages, pageSize)),
  };
}

function spaceWindow(space: SpaceMap, window: Extent, pageSize: bigint): SpaceMap {
  const ranges = cut(space.ranges, window, (range, first) => ({
    ...range,
    offset: range.offset + (first - range.first),
  }));
  return {
    ...space,
    ranges,
    pages: pageRuns(ranges, pageSize),
    consumers: space.consumers.map(({ name, verdicts }) => ({
      name,
      verdicts: cut(verdicts, window, (verdict) => verdict),
    })),
  };
}

function cut<E extends Extent>(
  extents: readonly E[],
  window: Extent,
  beginningAt: (extent: E, first: bigint) => E,
): E[] {
  return extents
    .filter(({ first, last }) => last >= window.first && first <= window.last)
    .map((extent) => {
      const first = larger(extent.first, window.first);
      return { ...beginningAt(extent, first), first, last: smaller(extent.last, window.last) };
    });
}
