import { addon } from '../../native/addon.js';
import type { EngineHandle } from '../../native/engine-addon.js';
import type { MemoryRegion } from '../regions/memory-region.js';

/** Tells the engine what regions are called, for readers on other threads, who have nothing else of them. */
export class RegionNames {
  readonly #engine: EngineHandle;

  constructor(engine: EngineHandle) {
    this.#engine = engine;
  }

  /** Begins anew, with `regions`: ids can have become those of others. */
  renew(regions: Iterable<MemoryRegion | undefined>): void {
    addon.engineClearNames(this.#engine);
    for (const region of regions) if (region !== undefined) this.add(region);
  }

  /** Adds a region, before any view can show it. */
  add({ id, kind, name }: MemoryRegion): void {
    addon.engineAddName(this.#engine, id, kind, name);
  }
}
