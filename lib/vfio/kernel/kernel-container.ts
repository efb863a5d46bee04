import type { AddressRange } from '../../mapping/page-mapping.js';
import { hostPageSize } from '../../memory/host-memory.js';
import { addon } from '../../native/addon.js';
import { bytesOf } from '../../native/bytes-of.js';
import { iommuInfoKnown, iommuInfoLayout } from '../../native/vfio-addon.js';
import { iovaRanges } from '../dma/iova-ranges.js';
import type {
  DirtyBitmapRequest,
  DmaMapping,
  VfioContainer,
  VfioIommuInfo,
} from '../vfio-interface.js';
import { KernelHandle } from './kernel-handle.js';
import { MapQueue } from './map-queue.js';
import { mapArguments, vfioCall, vfioWords } from './vfio-call.js';

/** A container of the real kernel. */
export class KernelContainer implements VfioContainer {
  readonly pageSize: bigint = hostPageSize;
  readonly #handle: KernelHandle;
  readonly #mapQueue = new MapQueue();

  /** @param path Of /dev/vfio/vfio. */
  constructor(path: string) {
    const handle = vfioCall('open', () => addon.vfioOpenContainer(path));
    this.#handle = new KernelHandle('the VFIO container', handle, addon.vfioContainerClose);
  }

  /** The addon's handle. */
  get handle(): number {
    return this.#handle.get();
  }

  apiVersion(): number {
    return vfioCall('VFIO_GET_API_VERSION', () => addon.vfioContainerApiVersion(this.handle));
  }

  checkExtension(extension: number): number {
    return vfioCall('VFIO_CHECK_EXTENSION', () =>
      addon.vfioContainerCheckExtension(this.handle, extension),
    );
  }

  setIommu(type: number): void {
    vfioCall('VFIO_SET_IOMMU', () => addon.vfioContainerSetIommu(this.handle, type));
  }

  iommuInfo(): VfioIommuInfo {
    const words = vfioWords('VFIO_IOMMU_GET_INFO', () => addon.vfioContainerIommuInfo(this.handle));
    const word = (field: Exclude<keyof typeof iommuInfoLayout, 'ranges'>) =>
      words[iommuInfoLayout[field]] ?? 0n;
    const knows = (bit: bigint) => (word('known') & bit) !== 0n;
    return {
      pageSizes: knows(iommuInfoKnown.pageSizes) ? word('pageSizes') : undefined,
      iovaRanges: knows(iommuInfoKnown.ranges)
        ? iovaRanges(words.subarray(iommuInfoLayout.ranges))
        : undefined,
      mappingsLeft: knows(iommuInfoKnown.mappingsLeft) ? Number(word('mappingsLeft')) : undefined,
      dirtyTracking: knows(iommuInfoKnown.dirtyTracking)
        ? { pageSizes: word('dirtyPageSizes'), largestBitmapBytes: word('largestBitmapBytes') }
        : undefined,
    };
  }

  mapDma(mapping: DmaMapping): void {
    vfioCall('VFIO_IOMMU_MAP_DMA', () =>
      addon.vfioContainerMapDma(this.handle, ...mapArguments(mapping)),
    );
  }

  mapDmaAsync(mapping: DmaMapping): Promise<void> {
    return this.#mapQueue.add('VFIO_IOMMU_MAP_DMA', () =>
      addon.vfioContainerMapDmaAsync(this.handle, ...mapArguments(mapping)),
    );
  }

  unmapDma(
    { address, size }: AddressRange,
    dirty?: Pick<DirtyBitmapRequest, 'pageSize' | 'bitmap'>,
  ): bigint {
    return vfioCall('VFIO_IOMMU_UNMAP_DMA', () =>
      dirty === undefined
        ? addon.vfioContainerUnmapDma(this.handle, address, size)
        : addon.vfioContainerUnmapDmaDirty(
            this.handle,
            address,
            size,
            dirty.pageSize,
            bytesOf(dirty.bitmap),
          ),
    );
  }

  unmapAll(): bigint {
    return vfioCall('VFIO_IOMMU_UNMAP_DMA', () => addon.vfioContainerUnmapAll(this.handle));
  }

  setDirtyTracking(on: boolean): void {
    vfioCall('VFIO_IOMMU_DIRTY_PAGES', () => addon.vfioContainerSetDirtyTracking(this.handle, on));
  }

  getDirtyBitmap({ iova, size, pageSize, bitmap }: DirtyBitmapRequest): void {
    vfioCall('VFIO_IOMMU_DIRTY_PAGES', () =>
      addon.vfioContainerGetDirtyBitmap(this.handle, iova, size, pageSize, bytesOf(bitmap)),
    );
  }

  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
