/**
 * The stack at a glance, as plain data: what shows at each address of each address space, what lies below it, what its
 * pages are, and what becomes of them. `buildPageMap` makes it; `terminal-map.ts`, `svg-map.ts`, `html-map.ts` and
 * `page-map-json.ts` write it.
 */
export interface PageMap {
  /** Bytes of a page, a power of two. */
  readonly pageSize: bigint;
  /** Which addresses it is of: whole pages. */
  readonly window: Extent;
  /** The regions that anything of the map refers to, by their place in this list. */
  readonly regions: readonly MapRegion[];
  /** One for each set of address spaces that show the same. */
  readonly spaces: readonly SpaceMap[];
}

/** What is told of a region. */
export interface MapRegion {
  /** Its name. */
  readonly name: string;
  /** What kind of region it is: a `RegionKind` of the package. */
  readonly kind: string;
  /** Its priority among its siblings. */
  readonly priority: number;
  /** In bytes. */
  readonly size: bigint;
  /** Who it belongs to; `undefined` where nobody said. */
  readonly owner: string | undefined;
}

/** Addresses, both included. */
export interface Extent {
  /** The first address. */
  readonly first: bigint;
  /** The last address. */
  readonly last: bigint;
}

/** What some address spaces show. */
export interface SpaceMap {
  /** The names of the address spaces, in the order in which they were made. */
  readonly names: readonly string[];
  /** The name of the region whose tree it is. */
  readonly root: string;
  /** The flat view: ascending, none overlapping another. */
  readonly ranges: readonly MapRange[];
  /** The pages that anything shows in: ascending. */
  readonly pages: readonly PageRun[];
  /** The tree as it lies in this space; each behind the one that it is seen through. */
  readonly placements: readonly Placement[];
  /** Whether the placements are all: an enormous or endless tree is not followed to its end. */
  readonly complete: boolean;
  /** What those who map memory make of it. */
  readonly consumers: readonly ConsumerMap[];
}

/**
 * What addresses do, as a guest sees it.
 *
 * - `ram`, `rom`: memory that can be written, or not.
 * - `device`: mapped memory of a device (QEMU: ramd).
 * - `romd`: a rom device that reads like memory.
 * - `trapped`: accesses go to callbacks.
 * - `reserved`: claimed, and nobody answers.
 * - `iommu`: accesses are translated.
 */
export type RangeState = 'ram' | 'rom' | 'device' | 'romd' | 'trapped' | 'reserved' | 'iommu';

/** One flat range. */
export interface MapRange extends Extent {
  /** Place of the region that answers in {@link PageMap.regions}. */
  readonly region: number;
  /** Offset of the first address within the region, in bytes. */
  readonly offset: bigint;
  /** How an access to it is answered. */
  readonly state: RangeState;
  /** Whether what was written survives a loss of power. */
  readonly nonvolatile: boolean;
}

/**
 * Whole pages that are alike.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { buildPageMap, type PageRun } from 'flatview/map';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x3000n, { backing: 'none' }));
 * system.addSubregion(0x1040n, topology.io('doorbell', 0x40n, {}), { priority: 1 });
 * const { spaces } = buildPageMap([topology.addressSpace('memory', system)]);
 * const pages: readonly PageRun[] = spaces[0]?.pages ?? [];
 * pages.map(({ first, state, ranges }) => [first, state, ranges]);
 * // => [[0x0n, 'ram', 1], [0x1000n, 'split', 3], [0x2000n, 'ram', 1]]
 * topology.close();
 * ```
 */
export interface PageRun extends Extent {
  /** `split`: one page that several ranges share, or that is partly empty. */
  readonly state: RangeState | 'split';
  /** Place of the first range that shows here in {@link SpaceMap.ranges}. */
  readonly range: number;
  /** How many ranges show here. */
  readonly ranges: number;
}

/**
 * A region on one of the ways on which it is seen in an address space. What can be seen of it: `first` to `last`.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { buildPageMap, type Placement } from 'flatview/map';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const rom = topology.rom('pc.bios', 0x4_0000n, { backing: 'none' });
 * system.addSubregion(0xe_0000n, topology.alias('isa-bios', rom, { offset: 0x2_0000n }));
 * const { spaces, regions } = buildPageMap([topology.addressSpace('memory', system)]);
 * const placements: readonly Placement[] = spaces[0]?.placements ?? [];
 * placements.map(({ region, through, start, rank }) => [regions[region]?.name, through, start, rank]);
 * // => [['system', -1, 0x0n, -1], ['isa-bios', 0, 0xe_0000n, -1], ['pc.bios', 1, 0xc_0000n, 0]]
 * topology.close();
 * ```
 */
export interface Placement extends Extent {
  /** Place in {@link PageMap.regions}. */
  readonly region: number;
  /** Place in {@link SpaceMap.placements} of the container or alias that it is seen through; -1 for the root. */
  readonly through: number;
  /** Where its first byte lies; negative where an alias shows only a later part. */
  readonly start: bigint;
  /** Place in the stack: of two at one address, the lower one is on top. -1 for what never answers itself. */
  readonly rank: number;
  /** Whether it, or something on the way to it, is disabled. */
  readonly disabled: boolean;
}

/** What one consumer makes of an address space. */
export interface ConsumerMap {
  /** What pictures call it. */
  readonly name: string;
  /** Ascending; where none is, the consumer has no opinion. */
  readonly verdicts: readonly MapVerdict[];
}

/** What a consumer makes of some addresses. */
export interface MapVerdict extends Extent {
  /** Whether it is mapped. */
  readonly mapped: boolean;
  /** `mapped`, or the stable code of a refusal. */
  readonly code: string;
  /** As what it is mapped, or why it is not, for people. */
  readonly text: string;
}
