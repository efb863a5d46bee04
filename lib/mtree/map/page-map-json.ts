import { hex } from '../../address.js';
import type {
  ConsumerMap,
  Extent,
  MapRange,
  MapRegion,
  PageMap,
  PageRun,
  Placement,
  SpaceMap,
} from './page-map.js';
import { PlacementStack } from './placement-stack.js';
import { shadowsOf } from './shadows.js';

/**
 * A map for programs, as `docs/map.md` describes it: numbers of 64 bits are hex strings.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { buildPageMap, pageMapJson } from 'flatview/map';
 *
 * const topology = new MemoryTopology();
 * const map = buildPageMap([topology.addressSpace('memory', topology.container('empty', 0x1000n))]);
 * pageMapJson(map);
 * // => {
 * //   page_size: '0x1000',
 * //   spaces: [
 * //     {
 * //       address_spaces: ['memory'],
 * //       root: 'empty',
 * //       ranges: [],
 * //       pages: [],
 * //       consumers: [],
 * //       complete: true,
 * //     },
 * //   ],
 * // }
 * topology.close();
 * ```
 */
export function pageMapJson(map: PageMap): object {
  return {
    page_size: hex(map.pageSize),
    spaces: map.spaces.map((space) => spaceJson(space, map.regions)),
  };
}

function spaceJson(space: SpaceMap, regions: readonly MapRegion[]): object {
  const { names, root, ranges, pages, placements, complete, consumers } = space;
  const stack = new PlacementStack(placements);
  return {
    address_spaces: names,
    root,
    ranges: ranges.map((range) => rangeJson(range, stack, regions)),
    pages: pages.map(pagesJson),
    consumers: consumers.map(consumerJson),
    complete,
  };
}

function rangeJson(range: MapRange, stack: PlacementStack, regions: readonly MapRegion[]): object {
  const { region, offset, state, nonvolatile } = range;
  return {
    ...extentJson(range),
    ...regionJson(regions[region]),
    offset: hex(offset),
    state,
    nonvolatile,
    shadows: shadowsOf(range, stack).map((placement) => shadowJson(placement, regions)),
  };
}

function shadowJson(placement: Placement, regions: readonly MapRegion[]): object {
  const { region, start, disabled } = placement;
  return { ...extentJson(placement), ...regionJson(regions[region]), start: hex(start), disabled };
}

function regionJson(region: MapRegion | undefined): object {
  if (region === undefined) return {};
  const { name, kind, priority, owner } = region;
  return { region: name, kind, priority, owner: owner ?? null };
}

function pagesJson(run: PageRun): object {
  return { ...extentJson(run), state: run.state, ranges: run.ranges };
}

function consumerJson({ name, verdicts }: ConsumerMap): object {
  return {
    name,
    verdicts: verdicts.map(({ mapped, code, text, ...extent }) => ({
      ...extentJson(extent),
      mapped,
      code,
      text,
    })),
  };
}

function extentJson({ first, last }: Extent): { first: string; last: string } {
  return { first: hex(first), last: hex(last) };
}
