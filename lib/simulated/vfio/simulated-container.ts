import type { AddressRange } from '../../mapping/page-mapping.js';
import {
  type DirtyBitmapRequest,
  type DmaMapping,
  type VfioContainer,
  type VfioIommuInfo,
  vfioExtension,
} from '../../vfio/vfio-interface.js';
import type { VfioCall } from '../../vfio/vfio-ioctl-error.js';
import { KernelRefusal, refuseIf } from '../errno.js';
import { Descriptor } from './descriptor.js';
import type { GroupState } from './group-state.js';
import type { SimulatedKernel } from './simulated-kernel.js';
import { Type1Iommu } from './type1-iommu.js';
import type { SimulatedVfioCall } from './vfio-call-log.js';

/** VFIO_TYPE1_NESTING_IOMMU: as version 2, for user space that has page tables of its own. */
const type1Nesting = 6;

/** A container (drivers/vfio/container.c). It lives on while groups are in it, even when its file is closed. */
export class SimulatedContainer extends Descriptor implements VfioContainer {
  readonly #groups = new Set<GroupState>();
  /** The IOMMU's mappings; `none` for no-IOMMU, `undefined` before VFIO_SET_IOMMU. */
  #iommu: Type1Iommu | 'none' | undefined;

  constructor(kernel: SimulatedKernel) {
    super(kernel, 'the VFIO container');
  }

  /** @internal */
  get type1(): Type1Iommu | undefined {
    return this.#iommu === 'none' ? undefined : this.#iommu;
  }

  /** @internal */
  get hasIommu(): boolean {
    return this.#iommu !== undefined;
  }

  get pageSize(): bigint {
    return this.kernel.rules.pageSize;
  }

  apiVersion(): number {
    return this.call('VFIO_GET_API_VERSION', {}, () => 0);
  }

  checkExtension(extension: number): number {
    return this.call('VFIO_CHECK_EXTENSION', { extension }, () => this.#extension(extension));
  }

  setIommu(type: number): void {
    this.call('VFIO_SET_IOMMU', { type }, () => {
      refuseIf(this.#groups.size === 0 || this.#iommu !== undefined, 'EINVAL');
      refuseIf(this.#extension(type) <= 0 || !isIommuType(type), 'ENODEV');
      if (type !== vfioExtension.noIommu) this.#checkInterrupts();
      this.#iommu =
        type === vfioExtension.noIommu
          ? 'none'
          : new Type1Iommu(this.kernel.rules, type !== vfioExtension.type1, this.kernel.memory);
    });
  }

  iommuInfo(): VfioIommuInfo {
    return this.#iommuCall('VFIO_IOMMU_GET_INFO', {}, (iommu) => iommu.info());
  }

  mapDma(mapping: DmaMapping): void {
    this.#iommuCall('VFIO_IOMMU_MAP_DMA', mappingArgs(mapping), (iommu) => iommu.map(mapping));
  }

  async mapDmaAsync(mapping: DmaMapping): Promise<void> {
    this.checkOpen();
    await this.kernel.onThread();
    this.kernel.log.make('VFIO_IOMMU_MAP_DMA', mappingArgs(mapping), () =>
      this.#usable().map(mapping),
    );
  }

  unmapDma(range: AddressRange, dirty?: Pick<DirtyBitmapRequest, 'pageSize' | 'bitmap'>): bigint {
    const args = { iova: range.address, size: range.size, flags: dirty === undefined ? 0 : 1 };
    return this.#iommuCall('VFIO_IOMMU_UNMAP_DMA', args, (iommu) => iommu.unmap(range, dirty));
  }

  unmapAll(): bigint {
    const args = { iova: 0, size: 0, flags: 2 };
    return this.#iommuCall('VFIO_IOMMU_UNMAP_DMA', args, (iommu) => {
      refuseIf(!this.kernel.rules.unmapAll, 'EINVAL');
      return iommu.unmapAll();
    });
  }

  setDirtyTracking(on: boolean): void {
    this.#iommuCall('VFIO_IOMMU_DIRTY_PAGES', { flags: on ? 1 : 2 }, (iommu) => {
      refuseIf(!this.kernel.rules.tracksDirty, 'ENOTTY');
      iommu.setDirtyTracking(on);
    });
  }

  getDirtyBitmap(request: DirtyBitmapRequest): void {
    const { iova, size, pageSize } = request;
    const args = { flags: 4, iova, size, pgsize: pageSize };
    this.#iommuCall('VFIO_IOMMU_DIRTY_PAGES', args, (iommu) => {
      refuseIf(!this.kernel.rules.tracksDirty, 'ENOTTY');
      iommu.getDirtyBitmap(request);
    });
  }

  /** @internal VFIO_GROUP_SET_CONTAINER (vfio_container_attach_group). */
  attach(group: GroupState): void {
    refuseIf(this.#groups.size > 0 && this.#isNoIommu !== group.isNoIommu, 'EPERM');
    refuseIf(!group.isViable, 'EPERM');
    if (this.#iommu !== undefined && !group.isNoIommu) this.#checkInterrupts();
    this.#groups.add(group);
  }

  /** @internal The last group takes the IOMMU and its mappings along. */
  detach(group: GroupState): void {
    this.#groups.delete(group);
    if (this.#groups.size > 0) return;
    this.type1?.unmapAll();
    this.#iommu = undefined;
  }

  protected onClose(): void {
    // Its groups keep it.
  }

  get #isNoIommu(): boolean {
    return [...this.#groups].some(({ isNoIommu }) => isNoIommu);
  }

  #checkInterrupts(): void {
    refuseIf(!this.kernel.rules.interruptRemapping, 'EPERM');
  }

  /** vfio_container_ioctl_check_extension: the IOMMU's driver answers; before there is one, all that would fit. */
  #extension(extension: number): number {
    const { rules } = this.kernel;
    const isEmpty = this.#groups.size === 0;
    if (extension === vfioExtension.noIommu) {
      const fits = this.#iommu === undefined ? isEmpty || this.#isNoIommu : this.#iommu === 'none';
      return Number(rules.noIommu && fits);
    }
    if (this.#iommu === 'none' || (this.#iommu === undefined && this.#isNoIommu)) return 0;
    switch (extension) {
      case vfioExtension.type1:
      case vfioExtension.type1v2:
      case type1Nesting:
        return 1;
      case vfioExtension.dmaCoherent:
        return Number(this.#iommu !== undefined);
      case vfioExtension.unmapAll:
      case vfioExtension.updateVaddr:
        return Number(rules.unmapAll);
      default:
        return 0;
    }
  }

  #usable(): Type1Iommu {
    refuseIf(this.#iommu === undefined, 'EINVAL');
    if (this.#iommu instanceof Type1Iommu) return this.#iommu;
    throw new KernelRefusal('ENOTTY');
  }

  #iommuCall<Result>(
    call: VfioCall,
    args: SimulatedVfioCall['args'],
    body: (iommu: Type1Iommu) => Result,
  ): Result {
    return this.call(call, args, () => body(this.#usable()));
  }
}

function isIommuType(type: number): boolean {
  return [vfioExtension.type1, vfioExtension.type1v2, type1Nesting, vfioExtension.noIommu].some(
    (known) => known === type,
  );
}

function mappingArgs({ iova, size, hostAddress, read, write }: DmaMapping) {
  return { iova, size, vaddr: hostAddress, flags: Number(read) | (Number(write) << 1) };
}
