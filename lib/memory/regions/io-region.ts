import type { Endianness } from '../access/mem-tx.js';
import { checkMemoryRegionOps, type MemoryRegionOps } from '../access/memory-region-ops.js';
import { MemoryRegion, type RegionOptions, type RegionOrigin } from './memory-region.js';

/**
 * What an {@link IoRegion} can have beside its name, size and callbacks.
 *
 * @example
 * ```ts
 * import { type IoRegionOptions, MemoryTopology } from 'flatview';
 *
 * const options: IoRegionOptions = { endsAccesses: true };
 * const topology = new MemoryTopology();
 * const eight = { valid: { maxSize: 8 }, implementation: { maxSize: 8 } } as const;
 * const card = topology.io('card', 0x100n, { read: () => 0x1111_1111_1111_1111n, ...eight }, options);
 * card.addSubregion(0x84n, topology.io('latch', 4n, { read: () => 0x2222_2222n }), { priority: 1 });
 * // Without the option all eight bytes would be the card's.
 * topology.addressSpace('memory', card).read(0x80n, 8).value; // => 0x2222_2222_1111_1111n
 * topology.close();
 * ```
 */
export interface IoRegionOptions extends RegionOptions {
  /**
   * Whether an access ends where the region ends to show, so that who shows behind it answers the rest. Default: false: as with QEMU, an
   * access belongs to the region in which it begins, whatever follows.
   */
  readonly endsAccesses?: boolean;
}

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
  /** See {@link IoRegionOptions.endsAccesses}. */
  readonly endsAccesses: boolean;

  /** @internal */
  constructor(origin: RegionOrigin, ops: MemoryRegionOps, options: IoRegionOptions) {
    super(origin);
    this.endsAccesses = options.endsAccesses ?? false;
    checkMemoryRegionOps(ops, this.label);
    this.ops = ops;
  }

  protected override get endianness(): Endianness {
    return this.ops.endianness ?? 'little';
  }
}
