import { FlatviewError } from '../../errors.js';
import { type DmaSpace, dmaSpaceOf } from '../dma/dma-space.js';
import {
  type VfioContainer,
  type VfioDevice,
  type VfioGroup,
  type VfioHost,
  vfioExtension,
} from '../vfio-interface.js';
import type { PassthroughWay, ReadyDevice } from './passthrough.js';
import type { DrivenDevice } from './pci-location.js';

/** The version of its interface that all kernels have. */
const apiVersion = 0;

/** Opens devices by their groups, which join one container. */
export class ContainerWay implements PassthroughWay {
  readonly kind = 'container';
  readonly #host: VfioHost;
  readonly #container: VfioContainer;
  readonly #groups = new Map<number, VfioGroup>();
  #dma: DmaSpace | undefined;

  constructor(host: VfioHost) {
    this.#host = host;
    this.#container = host.openContainer();
  }

  get dma(): DmaSpace | undefined {
    return this.#dma;
  }

  open(device: ReadyDevice): VfioDevice {
    return this.#groupOf(device).openDevice(device.address);
  }

  close(): void {
    for (const group of this.#groups.values()) group.close();
    this.#container.close();
  }

  #groupOf(device: ReadyDevice): VfioGroup {
    const known = this.#groups.get(device.group);
    if (known !== undefined) return known;
    const group = this.#host.openGroup(device.group, { noIommu: device.noIommu });
    try {
      this.#join(group, device);
    } catch (error) {
      group.close();
      throw error;
    }
    this.#groups.set(device.group, group);
    return group;
  }

  #join(group: VfioGroup, { noIommu, groupDevices }: ReadyDevice): void {
    const version = this.#container.apiVersion();
    if (version !== apiVersion) {
      const message = `the kernel has version ${version} of VFIO's interface, not ${apiVersion}`;
      throw new FlatviewError('ERR_PASSTHROUGH', message);
    }
    if (!group.status().viable) throw notViable(group.group, groupDevices);
    group.setContainer(this.#container);
    if (this.#groups.size === 0) this.#setIommu(noIommu);
  }

  #setIommu(noIommu: boolean): void {
    const container = this.#container;
    if (noIommu) {
      container.setIommu(vfioExtension.noIommu);
      return;
    }
    const { type1, type1v2 } = vfioExtension;
    const iommuType = container.checkExtension(type1v2) > 0 ? type1v2 : type1;
    container.setIommu(iommuType);
    this.#dma = dmaSpaceOf(container, { iommuType });
  }
}

/** Drivers that don't make devices do DMA of their own, or that VFIO knows (drivers/vfio/group.c, drivers/iommu/iommu.c). */
const harmlessDrivers = /vfio|^pci-stub$|^pcieport$/;

function notViable(group: number, devices: readonly DrivenDevice[]): FlatviewError {
  const others = devices
    .filter(({ driver }) => driver !== undefined && !harmlessDrivers.test(driver))
    .map(({ address, driver }) => `${address} is driven by ${driver}`);
  const who = others.length > 0 ? others.join(', ') : 'a device has another driver';
  return new FlatviewError(
    'ERR_PASSTHROUGH',
    `IOMMU group ${group} is not viable: ${who}; the IOMMU can't tell them apart, so bind all of the group to vfio-pci or to no driver, or put the card into another slot`,
  );
}
