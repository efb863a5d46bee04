import { type AddressLike, toAddress } from '../../address.js';
import { changeState } from '../commit/region-state.js';
import { effects } from '../commit/transaction.js';
import { MemoryRegion, type RegionOptions } from './memory-region.js';

/** What an alias can be given when it is made. */
export interface AliasOptions extends RegionOptions {
  /** Where in the target the window starts, in bytes. Default: 0. */
  readonly offset?: AddressLike;
  /** Size of the window in bytes. Default: what the target has from the offset on. */
  readonly size?: AddressLike;
}

/**
 * A window into another region: what the target has at an offset shows at the alias's place. What the window shows
 * beyond the target's end is a hole. The target may be an alias, may be placed elsewhere or nowhere, and hides its
 * part here too when it is disabled.
 *
 * @example
 * ```ts
 * import { type AliasOptions, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const ram = topology.ram('pc.ram', 0x1_0000_0000n);
 * const below4G: AliasOptions = { size: 0xc000_0000n };
 * system.addSubregion(0x0n, topology.alias('ram-below-4g', ram, below4G));
 * system.addSubregion(0x1_0000_0000n, topology.alias('ram-above-4g', ram, { offset: 0xc000_0000n }));
 *
 * const memory = topology.addressSpace('memory', system);
 * memory.lookup(0x1_0000_0000n)?.offset; // => 0xc000_0000n
 * ```
 */
export class AliasRegion extends MemoryRegion {
  /** The region that this one shows. */
  get target(): MemoryRegion {
    return this.aliasTarget ?? this;
  }

  /**
   * Where in the target the window starts, in bytes, 0 to 2^64 - 1.
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  get offset(): bigint {
    return this.state.aliasOffset;
  }

  set offset(value: AddressLike) {
    this.assertUsable();
    const aliasOffset = toAddress(value, () => `offset of ${this.label}`);
    if (aliasOffset === this.state.aliasOffset) return;
    this.edit(
      changeState(this.state, { aliasOffset }),
      this.enabled ? effects.memory : effects.row,
    );
  }
}
