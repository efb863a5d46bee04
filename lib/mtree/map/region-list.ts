import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { MapRegion } from './page-map.js';

/** Numbers regions in the order in which they are first met. */
export class RegionList {
  readonly regions: MapRegion[] = [];
  readonly #numbers = new Map<MemoryRegion, number>();

  numberOf(region: MemoryRegion): number {
    const known = this.#numbers.get(region);
    if (known !== undefined) return known;
    const { name, kind, priority, size, owner } = region;
    const number = this.regions.push({ name, kind, priority, size, owner }) - 1;
    this.#numbers.set(region, number);
    return number;
  }
}
