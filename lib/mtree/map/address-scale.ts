import { lastAddress } from '../../address.js';
import { partitionPoint } from '../../partition-point.js';
import type { Extent } from './page-map.js';
import { sortedAddresses } from './sorted-addresses.js';

/**
 * How much room addresses get in a picture.
 *
 * - `even`: a range grows with the logarithm of its size, so that a register and gigabytes can be read side by side.
 * - `size`: a range is as long as it is large.
 */
export type ScaleMode = 'even' | 'size';

/** A stretch of a picture: addresses that something shows at, or emptiness that is folded. */
export interface ScaleSegment extends Extent {
  readonly isFold: boolean;
  /** Where it begins and ends in the picture. */
  readonly from: number;
  readonly to: number;
}

/** Of a picture to scale a fold takes so much of what is not folded, and all folds together so much. */
const foldShare = { one: 0.02, all: 0.3 };

/** Of a picture to scale even the smallest range takes so much: less couldn't be told from nothing in 64-bit floats. */
const smallestShare = 2 ** -40;

/** From addresses to places in a picture and back: linear within each stretch, with empty space folded. */
export class AddressScale {
  readonly segments: readonly ScaleSegment[];
  /** Where the last segment ends. */
  readonly length: number;

  /**
   * @param lists Ranges that show, ascending and without overlap within each list: where any of them ends, a segment
   *   ends.
   * @param window What the picture is of. Default: from the first to the last thing that shows.
   */
  constructor(lists: readonly (readonly Extent[])[], mode: ScaleMode, window?: Extent) {
    const extents = elementary(lists, window);
    const covered = extents.filter(({ isFold }) => !isFold);
    const bytes = covered.reduce((sum, extent) => sum + sizeOf(extent), 0);
    const folds = Math.max(extents.length - covered.length, 1);
    const longestFold = bytes * Math.min(foldShare.one, foldShare.all / folds) || 1;
    let from = 0;
    this.segments = extents.map((extent) => {
      const weight = mode === 'even' ? evenWeight(extent) : sizeWeight(extent, bytes, longestFold);
      const segment = { ...extent, from, to: from + weight };
      from = segment.to;
      return segment;
    });
    this.length = from;
  }

  /** Where `address` lies: at the edge of the picture, if it lies outside. */
  position(address: bigint): number {
    const segment = this.segments[this.#lastFrom(({ first }) => first <= address)];
    return segment === undefined ? 0 : positionIn(segment, address);
  }

  /** From where to where ascending extents lie: as {@link position}, but all of them in one pass. */
  stretches(extents: readonly Extent[]): { readonly from: number; readonly to: number }[] {
    let index = 0;
    const positionOf = (address: bigint): number => {
      while ((this.segments[index + 1]?.first ?? address + 1n) <= address) index++;
      const segment = this.segments[index];
      return segment === undefined ? 0 : positionIn(segment, address);
    };
    return extents.map(({ first, last }) => {
      const from = positionOf(first);
      positionOf(last);
      const segment = this.segments[index];
      const to = segment === undefined ? 0 : positionIn(segment, last + 1n);
      return { from, to };
    });
  }

  /** What lies at `position`. */
  addressAt(position: number): bigint {
    const segment = this.segmentAt(position);
    if (segment === undefined) return 0n;
    const share = (position - segment.from) / (segment.to - segment.from);
    const offset = BigInt(Math.floor(Math.min(Math.max(share, 0), 1) * sizeOf(segment)));
    const address = segment.first + offset;
    return address > segment.last ? segment.last : address;
  }

  /** The segment at `position`, or the nearest one. */
  segmentAt(position: number): ScaleSegment | undefined {
    return this.segments[this.indexAt(position)];
  }

  /** The place of the segment at `position`, or of the nearest one, in {@link segments}. */
  indexAt(position: number): number {
    return Math.max(
      this.#lastFrom(({ from }) => from <= position),
      0,
    );
  }

  /** The place of the last segment of which `holds` is true, where it is true of the first ones. */
  #lastFrom(holds: (segment: ScaleSegment) => boolean): number {
    const { segments } = this;
    return partitionPoint(segments.length, (place) => holds(segments[place] as ScaleSegment)) - 1;
  }
}

/** Where an address lies: at the edge of a segment, if it lies outside. */
function positionIn(segment: ScaleSegment, address: bigint): number {
  if (address < segment.first) return segment.from;
  if (address > segment.last) return segment.to;
  const share = Number(address - segment.first) / sizeOf(segment);
  return segment.from + share * (segment.to - segment.from);
}

/** Cuts all that the lists cover at all edges, with the gaps in between. */
function elementary(
  lists: readonly (readonly Extent[])[],
  window: Extent | undefined,
): (Extent & { readonly isFold: boolean })[] {
  const edges = new Map<bigint, number>();
  const count = (address: bigint, by: number) => edges.set(address, (edges.get(address) ?? 0) + by);
  for (const { first, last } of lists.flat()) {
    count(first, 1);
    count(last + 1n, -1);
  }
  if (window && edges.size > 0) count(window.first, 0);
  const order = sortedAddresses(edges.keys());
  let open = 0;
  return order.slice(0, -1).map((first, index) => {
    open += edges.get(first) ?? 0;
    return { first, last: (order[index + 1] ?? lastAddress) - 1n, isFold: open === 0 };
  });
}

function evenWeight(extent: Extent & { readonly isFold: boolean }): number {
  return extent.isFold ? 1 : 2 + Math.log2(sizeOf(extent)) / 16;
}

function sizeWeight(
  extent: Extent & { readonly isFold: boolean },
  bytes: number,
  longestFold: number,
): number {
  const size = Math.max(sizeOf(extent), bytes * smallestShare);
  return extent.isFold ? Math.min(size, longestFold) : size;
}

function sizeOf({ first, last }: Extent): number {
  return Number(last - first + 1n);
}
