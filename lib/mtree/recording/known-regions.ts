import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { RegionIds } from '../describe-topology.js';

const nothing: readonly never[] = [];

/**
 * The regions that a recording knows, with their ids in it. It knows whole trees: with a region also its parent, its
 * subregions and what it shows as an alias. So what nobody can see costs nothing, and appears when it is put
 * somewhere. The target of an alias has a lower id than the alias.
 */
export class KnownRegions {
  readonly #ids: Map<MemoryRegion, number> = new Map();
  #next = 0;

  get ids(): RegionIds {
    return this.#ids;
  }

  has(region: MemoryRegion): boolean {
    return this.#ids.has(region);
  }

  /** The id of `region`; `undefined` where it isn't known. */
  find(region: MemoryRegion): number | undefined {
    return this.#ids.get(region);
  }

  idOf(region: MemoryRegion): number {
    const id = this.#ids.get(region);
    if (id === undefined) throw new Error(`${region.label} is not part of the recording`);
    return id;
  }

  /** Gets to know `region` and all that hangs together with it. */
  learn(region: MemoryRegion): readonly MemoryRegion[] {
    if (this.has(region)) return nothing;
    const found = new Set([region]);
    // A set that grows while it is walked is walked to its new end.
    for (const one of found) {
      for (const next of neighboursOf(one)) if (!this.has(next)) found.add(next);
    }
    return [...found].flatMap((one) => this.#number(one));
  }

  forget(region: MemoryRegion): void {
    this.#ids.delete(region);
  }

  /** Gives `region` an id, after those that it shows. */
  #number(region: MemoryRegion): MemoryRegion[] {
    const chain: MemoryRegion[] = [];
    let at: MemoryRegion | undefined = region;
    for (; at !== undefined && !this.has(at); at = at.aliasTarget) chain.unshift(at);
    for (const one of chain) this.#ids.set(one, this.#next++);
    return chain;
  }
}

function* neighboursOf(region: MemoryRegion): Generator<MemoryRegion, void> {
  yield* region.subregions;
  if (region.parent !== undefined) yield region.parent;
  if (region.aliasTarget !== undefined) yield region.aliasTarget;
}
