import type { Reason } from '../../mapping/mapping-rules.js';
import { RamRegion } from '../../memory/regions/ram-region.js';
import { FlatRange } from '../../memory/views/flat-view.js';
import { rangeFlag } from '../../native/engine-addon.js';

/** What a translation makes of a range of the address space that it leads to. */
export interface Translated {
  /** First IOVA, as an address of the device's address space. */
  readonly address: bigint;
  /** Whether devices may read, or write, there. */
  readonly read: boolean;
  readonly write: boolean;
  /** Why nothing can be mapped there, whatever the range shows. */
  readonly obstacle?: Reason | undefined;
}

/** A part of an address space as devices see it through an IOMMU of the guest: at another address, with fewer permissions. */
export class TranslatedRange extends FlatRange {
  readonly #how: Translated;

  /** @param range What the translation leads to. */
  constructor(range: FlatRange, how: Translated) {
    const attributes = range.attributes | (how.write ? 0 : rangeFlag.readonly);
    super(how.address, how.address + range.size - 1n, range.region, range.offset, attributes);
    this.#how = how;
  }

  /** Why nothing can be mapped here. */
  get obstacle(): Reason | undefined {
    return this.#how.obstacle;
  }

  override get writeonly(): boolean {
    return !this.#how.read;
  }

  /** Those who watch the memory now: nobody tells when that changes in another address space. */
  override get dirtyLogMask(): number {
    return this.region instanceof RamRegion ? this.region.watchedBy : 0;
  }

  override part(address: bigint, last: bigint): TranslatedRange {
    return new TranslatedRange(super.part(address, last), { ...this.#how, address });
  }
}
