import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import type { MonitorType } from '../monitor-format.js';
import { regionType } from '../region-type.js';

/** What shows at some addresses. */
export interface ShownPiece {
  /** The first address. */
  readonly first: bigint;
  /** The last address. */
  readonly last: bigint;
  /** The region that answers. */
  readonly region: MemoryRegion;
  /** Offset within the region of the first byte. */
  readonly offset: bigint;
  /** As the monitor's flat view prints it: `rom` where the range is read-only. */
  readonly type: MonitorType;
  /** Whether what was written survives a loss of power. */
  readonly nonvolatile: boolean;
}

/** What shows of `range` from `start` up to, not including, `end`. */
export function pieceOf(range: FlatRange, start: bigint, end: bigint): ShownPiece {
  const { region, nonvolatile } = range;
  return {
    first: start,
    last: end - 1n,
    region,
    offset: range.offset + (start - range.address),
    type: range.readonly ? 'rom' : regionType(region),
    nonvolatile,
  };
}

/** How regions of two topologies are told to be the same one. */
export type Identify = (region: MemoryRegion) => string;

/** A region's name says which it is, and its owner if both topologies tell that. */
export function identifier(owners: boolean): Identify {
  return owners ? ({ name, owner = '' }) => `${owner}\0${name}` : ({ name }) => name;
}

/** Which region shows, and where its first byte lies: pieces of one placement belong together. */
export function placementOf({ region, first, offset }: ShownPiece, identify: Identify): string {
  return `${first - offset}\0${identify(region)}`;
}
