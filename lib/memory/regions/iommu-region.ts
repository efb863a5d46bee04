import { IommuNotifierList, type IommuOps } from './iommu.js';
import { MemoryRegion, type RegionOrigin } from './memory-region.js';

/** A region that translates each access into another address space. */
export class IommuRegion extends MemoryRegion {
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
