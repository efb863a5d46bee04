import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { MapRegion } from './page-map.js';

/**
 * Numbers what is told of regions, in the order in which it is first met. A region of which something else is told later
 * gets another number then.
 */
export class RegionList {
  readonly regions: MapRegion[] = [];
  /** For each number, which region it is of: the same for all numbers of one. */
  readonly identities: number[] = [];
  readonly #known = new Map<MemoryRegion, { readonly identity: number; readonly number: number }>();

  numberOf(region: MemoryRegion): number {
    const known = this.#known.get(region);
    if (known !== undefined && isToldOf(region, this.regions[known.number])) return known.number;
    const { name, kind, priority, size, owner } = region;
    const number = this.regions.push({ name, kind, priority, size, owner }) - 1;
    const identity = known?.identity ?? this.#known.size;
    this.identities.push(identity);
    this.#known.set(region, { identity, number });
    return number;
  }
}

/** What else is told of a region never changes. */
function isToldOf({ priority, size }: MemoryRegion, told: MapRegion | undefined): boolean {
  return told?.priority === priority && told.size === size;
}
