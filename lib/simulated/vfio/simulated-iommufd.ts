import { lastAddress } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { AddressRange } from '../../mapping/page-mapping.js';
import type { DmaMapping, Ioas, Iommufd } from '../../vfio/vfio-interface.js';
import { Descriptor } from './descriptor.js';
import { type IoAddressSpace, IommufdContext } from './iommufd-context.js';
import type { SimulatedKernel } from './simulated-kernel.js';

/** An open file of /dev/iommu (drivers/iommu/iommufd). */
export class SimulatedIommufd extends Descriptor implements Iommufd {
  /** @internal */
  readonly context = new IommufdContext();

  constructor(kernel: SimulatedKernel) {
    super(kernel, 'the iommufd');
    kernel.addContext(this.context);
  }

  allocateIoas(): Ioas {
    return this.call('IOMMU_IOAS_ALLOC', {}, () => {
      const space = this.context.allocate(this.kernel.rules, this.kernel.memory);
      return new SimulatedIoas(this.kernel, this.context, space);
    });
  }

  protected onClose(): void {
    this.context.isFileOpen = false;
  }
}

/** An IO address space of an iommufd, which it keeps open. */
export class SimulatedIoas extends Descriptor implements Ioas {
  readonly #context: IommufdContext;
  readonly #space: IoAddressSpace;

  constructor(kernel: SimulatedKernel, context: IommufdContext, space: IoAddressSpace) {
    super(kernel, `the IO address space ${space.id}`);
    this.#context = context;
    this.#space = space;
  }

  get id(): number {
    return this.#space.id;
  }

  get pageSize(): bigint {
    return this.kernel.rules.pageSize;
  }

  iovaRanges(): { readonly ranges: readonly AddressRange[]; readonly alignment: bigint } {
    const { id } = this;
    return this.call('IOMMU_IOAS_IOVA_RANGES', { ioas_id: id }, () => ({
      ranges: this.#space.ranges,
      alignment: this.#space.alignment,
    }));
  }

  mapDma(mapping: DmaMapping): void {
    this.call('IOMMU_IOAS_MAP', this.#mapArgs(mapping), () => this.#space.map(mapping));
  }

  async mapDmaAsync(mapping: DmaMapping): Promise<void> {
    this.checkOpen();
    await this.kernel.onThread();
    this.kernel.log.make('IOMMU_IOAS_MAP', this.#mapArgs(mapping), () => this.#space.map(mapping));
  }

  unmapDma({ address, size }: AddressRange): bigint {
    const args = { ioas_id: this.id, iova: address, length: size };
    return this.call('IOMMU_IOAS_UNMAP', args, () => this.#space.unmap({ address, size }));
  }

  unmapAll(): bigint {
    const args = { ioas_id: this.id, iova: 0, length: lastAddress };
    return this.call('IOMMU_IOAS_UNMAP', args, () => this.#space.unmapAll());
  }

  /** One that a device is attached to goes when the device does: the kernel refuses to destroy it. */
  protected onClose(): void {
    try {
      this.kernel.log.make('IOMMU_DESTROY', { id: this.id }, () => this.#context.destroy(this.id));
    } catch (error) {
      if (!(error instanceof FlatviewError) || error.errno !== 'EBUSY') throw error;
    }
  }

  #mapArgs({ iova, size, hostAddress, read, write }: DmaMapping) {
    const flags = 1 | (Number(write) << 1) | (Number(read) << 2);
    return { ioas_id: this.id, iova, length: size, user_va: hostAddress, flags };
  }
}
