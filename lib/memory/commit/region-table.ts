import type { MemoryRegion } from '../regions/memory-region.js';
import type { RegionNames } from '../views/region-names.js';

/** Regions by id. A snapshot keeps the array that it was made with, so an entry is never overwritten in it. */
export type RegionsById = readonly (MemoryRegion | undefined)[];

/** As many destroyed regions are kept at the least before their ids are used again. */
const minRetired = 1024;

/**
 * Hands out region ids and finds regions by them.
 *
 * An old flat view names regions by id, and must go on finding the ones it showed. So the id of a destroyed region
 * is not used again in the same array: when half of all ids belong to destroyed regions, a new array takes over and
 * uses them again, while older flat views keep theirs. The cost of the copy is constant per destroyed region.
 */
export class RegionTable {
  #regions: (MemoryRegion | undefined)[] = [];
  #retired: number[] = [];
  readonly #free: number[] = [];
  #names: RegionNames | undefined;

  /** The present array; a snapshot holds on to it. */
  get regions(): RegionsById {
    return this.#regions;
  }

  /** An unused id; the region goes to it by {@link set}. */
  allocate(): number {
    return this.#free.pop() ?? this.#regions.length;
  }

  /** Makes `region` the one with its id. */
  set(region: MemoryRegion): void {
    this.#regions[region.id] = region;
    this.#names?.add(region);
  }

  /** Tells `names` of all regions, and from now on of each that comes. */
  useNames(names: RegionNames): void {
    this.#names = names;
    names.renew(this.#regions);
  }

  /** Gives back the id of a region that is gone from the tree and from the engine. */
  retire(id: number): void {
    this.#retired.push(id);
    if (this.#retired.length < Math.max(minRetired, this.#regions.length / 2)) return;
    this.#regions = [...this.#regions];
    for (const retired of this.#retired) this.#regions[retired] = undefined;
    this.#free.push(...this.#retired);
    this.#retired = [];
    this.#names?.renew(this.#regions);
  }
}
