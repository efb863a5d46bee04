import type { AddressSpace } from '../../memory/address-space.js';
import type { KnownRegions } from './known-regions.js';
import type { RecordedSpace } from './recorded-step.js';

/** The address spaces that a recording knows, with their numbers in it. */
export class KnownSpaces {
  readonly #numbers: Map<AddressSpace, number> = new Map();
  #next = 0;

  /** Gets to know `space`; nothing happens when it is known already. */
  learn(space: AddressSpace, regions: KnownRegions): RecordedSpace[] {
    if (this.#numbers.has(space)) return [];
    const number = this.#next++;
    this.#numbers.set(space, number);
    return [{ space: number, name: space.name, root: regions.idOf(space.root) }];
  }

  /** Its number, if it was known. */
  forget(space: AddressSpace): number[] {
    const number = this.#numbers.get(space);
    this.#numbers.delete(space);
    return number === undefined ? [] : [number];
  }
}
