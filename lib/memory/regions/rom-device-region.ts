import type { Endianness } from '../access/mem-tx.js';
import { checkMemoryRegionOps, type MemoryRegionOps } from '../access/memory-region-ops.js';
import { changeState, regionFlag } from '../commit/region-state.js';
import { effects } from '../commit/transaction.js';
import type { RegionOrigin } from './memory-region.js';
import { type RamOptions, RamRegion } from './ram-region.js';

/** What a rom device can be given when it is made. */
export interface RomDeviceOptions extends RamOptions {
  /** See {@link RomDeviceRegion.romd}. Default: true. */
  readonly romd?: boolean;
}

/**
 * Memory that is read like a rom and written through callbacks, such as flash.
 *
 * @example
 * ```ts
 * import { MemoryTopology, type RomDeviceOptions } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const options: RomDeviceOptions = { owner: 'pflash' };
 * const ops = { read: () => 0x80n, write: () => {} };
 * const flash = topology.romDevice('system.flash', 0x1000n, ops, options);
 *
 * const memory = topology.addressSpace('memory', flash);
 * memory.read(0x0n, 1).value; // => 0n
 * flash.romd = false;
 * memory.read(0x0n, 1).value; // => 0x80n
 * ```
 */
export class RomDeviceRegion extends RamRegion {
  /** Called for writes, and for reads while {@link romd} is off. */
  readonly ops: MemoryRegionOps;

  /** @internal */
  constructor(origin: RegionOrigin, ops: MemoryRegionOps, options: RomDeviceOptions) {
    super(origin, options);
    checkMemoryRegionOps(ops, this.label);
    this.ops = ops;
    if (options.romd === false) {
      this.state = changeState(this.state, { flags: this.state.flags & ~regionFlag.romd });
    }
  }

  /** Whether reads come from memory (read-only-memory device mode). Off while the flash answers commands. */
  get romd(): boolean {
    return (this.state.flags & regionFlag.romd) !== 0;
  }

  set romd(on: boolean) {
    this.setFlag(regionFlag.romd, on, this.enabled ? effects.memory : effects.row);
  }

  protected override get endianness(): Endianness {
    return this.ops.endianness ?? 'little';
  }
}
