import type { AddressRange } from '../../mapping/page-mapping.js';
import { hostPageSize } from '../../memory/host-memory.js';
import { addon } from '../../native/addon.js';
import { ioasLimitsLayout } from '../../native/vfio-addon.js';
import { iovaRanges } from '../dma/iova-ranges.js';
import type { DmaMapping, Ioas, Iommufd } from '../vfio-interface.js';
import { KernelHandle } from './kernel-handle.js';
import { MapQueue } from './map-queue.js';
import { mapArguments, vfioCall, vfioWords } from './vfio-call.js';

/** /dev/iommu of the real kernel. */
export class KernelIommufd implements Iommufd {
  readonly #handle: KernelHandle;

  /** @param path Of /dev/iommu. */
  constructor(path: string) {
    const handle = vfioCall('open', () => addon.iommufdOpen(path));
    this.#handle = new KernelHandle('the iommufd', handle, addon.iommufdClose);
  }

  /** The addon's handle. */
  get handle(): number {
    return this.#handle.get();
  }

  allocateIoas(): Ioas {
    return new KernelIoas(
      vfioCall('IOMMU_IOAS_ALLOC', () => addon.iommufdAllocateIoas(this.handle)),
    );
  }

  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** An IO address space of the real kernel. It stays when its iommufd is closed. */
export class KernelIoas implements Ioas {
  readonly pageSize: bigint = hostPageSize;
  readonly id: number;
  readonly #handle: KernelHandle;
  readonly #mapQueue = new MapQueue();

  constructor(handle: number) {
    this.id = addon.ioasId(handle);
    this.#handle = new KernelHandle(`IOAS ${this.id}`, handle, addon.ioasClose);
  }

  /** The addon's handle. */
  get handle(): number {
    return this.#handle.get();
  }

  iovaRanges(): { readonly ranges: readonly AddressRange[]; readonly alignment: bigint } {
    const words = vfioWords('IOMMU_IOAS_IOVA_RANGES', () => addon.ioasIovaRanges(this.handle));
    return {
      ranges: iovaRanges(words.subarray(ioasLimitsLayout.ranges)),
      alignment: words[ioasLimitsLayout.alignment] ?? this.pageSize,
    };
  }

  mapDma(mapping: DmaMapping): void {
    vfioCall('IOMMU_IOAS_MAP', () => addon.ioasMapDma(this.handle, ...mapArguments(mapping)));
  }

  mapDmaAsync(mapping: DmaMapping): Promise<void> {
    return this.#mapQueue.add('IOMMU_IOAS_MAP', () =>
      addon.ioasMapDmaAsync(this.handle, ...mapArguments(mapping)),
    );
  }

  unmapDma({ address, size }: AddressRange): bigint {
    return vfioCall('IOMMU_IOAS_UNMAP', () => addon.ioasUnmapDma(this.handle, address, size));
  }

  unmapAll(): bigint {
    return vfioCall('IOMMU_IOAS_UNMAP', () => addon.ioasUnmapAll(this.handle));
  }

  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
