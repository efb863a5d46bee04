import type { Endianness } from '../access/mem-tx.js';
import { checkMemoryRegionOps, type MemoryRegionOps } from '../access/memory-region-ops.js';
import { MemoryRegion, type RegionOrigin } from './memory-region.js';

/** A region whose accesses call functions of the embedder. */
export class IoRegion extends MemoryRegion {
  readonly ops: MemoryRegionOps;

  /** @internal */
  constructor(origin: RegionOrigin, ops: MemoryRegionOps) {
    super(origin);
    checkMemoryRegionOps(ops, this.label);
    this.ops = ops;
  }

  protected override get endianness(): Endianness {
    return this.ops.endianness ?? 'little';
  }
}
