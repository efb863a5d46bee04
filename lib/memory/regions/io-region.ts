import type { Endianness } from '../access/mem-tx.js';
import { checkMemoryRegionOps, type MemoryRegionOps } from '../access/memory-region-ops.js';
import { MemoryRegion, type RegionOrigin } from './memory-region.js';

/**
 * A region whose accesses call functions of the embedder.
 *
 * @example
 * ```ts
 * import { type MemoryRegionOps, MemoryTopology, MemTxResult } from 'flatview';
 *
 * let scratch = 0n;
 * const ops: MemoryRegionOps = {
 *   read: () => scratch,
 *   write: (_offset, value) => {
 *     scratch = value;
 *   },
 * };
 * const topology = new MemoryTopology();
 * const uart = topology.io('uart', 0x8n, ops);
 * const memory = topology.addressSpace('memory', uart);
 * memory.write(0x7n, 1, 0x5an); // => MemTxResult.ok
 * memory.read(0x7n, 1); // => { value: 0x5an, result: MemTxResult.ok }
 * ```
 */
export class IoRegion extends MemoryRegion {
  /** The callbacks that answer, as it was made with. */
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
