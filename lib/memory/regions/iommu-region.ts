import { IommuNotifierList, type IommuOps } from './iommu.js';
import { MemoryRegion, type RegionOrigin } from './memory-region.js';

/**
 * A region that translates each access into another address space.
 *
 * @example
 * ```ts
 * import { type IommuOps, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x10_0000n);
 * const memory = topology.addressSpace('memory', ram);
 * const oneMegabyteUp: IommuOps = {
 *   translate: (iova) => ({
 *     target: memory,
 *     address: (iova - 0x10_0000n) & ~0xfffn,
 *     mask: 0xfffn,
 *     permission: 'read-write',
 *   }),
 * };
 * const iommu = topology.iommu('iommu', 1n << 48n, oneMegabyteUp);
 * const dma = topology.addressSpace('dma', iommu);
 * dma.write(0x10_2000n, 4, 0xcafen);
 * memory.read(0x2000n, 4).value; // => 0xcafen
 * topology.close();
 * ```
 */
export class IommuRegion extends MemoryRegion {
  /** What translates accesses, as it was made with. */
  readonly translator: IommuOps;
  /** Who is told when translations appear or go. */
  readonly notifiers: IommuNotifierList;

  /** @internal */
  constructor(origin: RegionOrigin, translator: IommuOps) {
    super(origin);
    this.translator = translator;
    this.notifiers = new IommuNotifierList(this);
  }
}
