import { FlatviewError } from '../../errors.js';
import type { DmaSpace } from '../dma/dma-space.js';
import { Vfio } from '../kernel/vfio.js';
import type { VfioDevice, VfioHost } from '../vfio-interface.js';
import { ContainerWay } from './container-way.js';
import { IommufdWay } from './iommufd-way.js';
import { locatePciDevice, type PciLocation } from './pci-location.js';

/** What a {@link Passthrough} works with. */
export interface PassthroughOptions {
  /** Default: the real kernel. */
  readonly host?: VfioHost;
  /** Where devices are looked up. Default: `/sys`. */
  readonly sysfs?: string;
  /** Which way to go. Default: iommufd where the host has it, else a container. */
  readonly way?: PassthroughWay['kind'];
  /**
   * Take devices without an IOMMU, too (the kernel's enable_unsafe_noiommu_mode): they reach all memory of the host, by
   * physical addresses, and nothing can be mapped for them. Only for trusted drivers in this process, never for a guest.
   */
  readonly allowNoIommu?: boolean;
}

/** A device that can be opened. */
export interface ReadyDevice extends PciLocation {
  readonly group: number;
}

/** How devices are opened into one DMA space. */
export interface PassthroughWay {
  readonly kind: 'iommufd' | 'container';
  readonly dma: DmaSpace | undefined;
  open(device: ReadyDevice): VfioDevice;
  close(): void;
}

/**
 * The devices that one VM has been given, and the DMA space that all of them share. Chooses how by what the host has.
 *
 * Devices and this object close in any order.
 *
 * @example
 * ```ts
 * import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import path from 'node:path';
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { Passthrough, type PassthroughOptions } from 'flatview/vfio';
 *
 * // Of a real host neither of the two options is needed.
 * const sysfs = mkdtempSync(path.join(tmpdir(), 'sysfs-'));
 * const folder = path.join(sysfs, 'bus/pci/devices/0000:05:00.0');
 * mkdirSync(path.join(folder, 'vfio-dev/vfio0/dev'), { recursive: true });
 * mkdirSync(path.join(sysfs, 'kernel/iommu_groups/12'), { recursive: true });
 * symlinkSync('../../../../kernel/iommu_groups/12', path.join(folder, 'iommu_group'));
 * const nvme = { name: '0000:05:00.0', group: 12, cdev: 'vfio0', vendorId: 0x144d, deviceId: 0xa808 };
 * const host = new SimulatedVfio({ devices: [{ ...nvme, bars: [] }] });
 * const options: PassthroughOptions = { host, sysfs };
 *
 * using passthrough = new Passthrough(options);
 * using device = passthrough.open('05:00.0');
 * device.name; // => '0000:05:00.0'
 * passthrough.way; // => 'iommufd'
 * passthrough.dma?.label; // => 'IOAS 1'
 * passthrough.open('06:00.0'); // throws ERR_PASSTHROUGH
 * rmSync(sysfs, { recursive: true });
 * ```
 */
export class Passthrough {
  readonly #host: VfioHost;
  readonly #options: PassthroughOptions;
  /** Chosen for the first device. */
  #way: PassthroughWay | undefined;
  #isClosed = false;

  constructor(options: PassthroughOptions = {}) {
    this.#options = options;
    const { sysfs } = options;
    this.#host = options.host ?? new Vfio(sysfs === undefined ? {} : { sysfs });
  }

  /** How devices were opened; `undefined` before the first. */
  get way(): PassthroughWay['kind'] | undefined {
    return this.#way?.kind;
  }

  /** What the devices see. `undefined` before the first device, and without an IOMMU. */
  get dma(): DmaSpace | undefined {
    return this.#way?.dma;
  }

  /**
   * Opens a device, and has it use {@link dma}. Mappings that are there it sees at once.
   *
   * @param address Such as `0000:05:00.0`.
   * @throws `ERR_PASSTHROUGH`: the host isn't set up for it, and how to; `ERR_SYSTEM_CALL`, `ERR_INVALID_ARGUMENT`,
   *   `ERR_VFIO_CLOSED`.
   */
  open(address: string): VfioDevice {
    if (this.#isClosed) throw new FlatviewError('ERR_VFIO_CLOSED', 'the passthrough is closed');
    const ready = this.#checked(locatePciDevice(address, this.#options.sysfs));
    const known = this.#way;
    const way = known ?? this.#choose(ready);
    try {
      const device = way.open(ready);
      this.#way = way;
      return device;
    } catch (error) {
      if (known === undefined) way.close();
      throw error;
    }
  }

  /** Closes the DMA space; devices stay open until they are closed. May be called again. */
  close(): void {
    this.#isClosed = true;
    this.#way?.close();
    this.#way = undefined;
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #checked(location: PciLocation): ReadyDevice {
    const { address, driver, isVfio, group, noIommu } = location;
    if (!isVfio) {
      const device = `/sys/bus/pci/devices/${address}`;
      const unbind = driver === undefined ? '' : `echo ${address} >${device}/driver/unbind; `;
      throw refusal(
        `${address} is bound to ${driver ?? 'no driver'}, not to vfio-pci: echo vfio-pci >${device}/driver_override; ${unbind}echo ${address} >/sys/bus/pci/drivers_probe`,
      );
    }
    if (group === undefined) {
      throw refusal(
        `${address} has no IOMMU group: enable the IOMMU in the firmware (VT-d, AMD-Vi) and in the kernel (intel_iommu=on)`,
      );
    }
    if (noIommu && this.#options.allowNoIommu !== true) {
      throw refusal(
        `${address} has no IOMMU: it would reach all memory of the host. Enable the IOMMU (VT-d, AMD-Vi, intel_iommu=on), or say allowNoIommu for a device and a driver that you trust with the host`,
      );
    }
    return { ...location, group };
  }

  #choose({ address, cdev, noIommu }: ReadyDevice): PassthroughWay {
    const { way } = this.#options;
    const canUseIommufd = cdev !== undefined && !noIommu && way !== 'container';
    const iommufd = canUseIommufd ? IommufdWay.open(this.#host) : undefined;
    if (iommufd !== undefined) return iommufd;
    if (way === 'iommufd') {
      throw refusal(
        `${address} can't be opened by iommufd: the host has no /dev/iommu (CONFIG_IOMMUFD), or no file of the device (CONFIG_VFIO_DEVICE_CDEV, since Linux 6.6)`,
      );
    }
    return new ContainerWay(this.#host);
  }
}

function refusal(message: string): FlatviewError {
  return new FlatviewError('ERR_PASSTHROUGH', message);
}
