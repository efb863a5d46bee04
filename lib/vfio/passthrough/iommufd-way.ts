import { FlatviewError } from '../../errors.js';
import { type DmaSpace, dmaSpaceOf } from '../dma/dma-space.js';
import type { Ioas, Iommufd, VfioDevice, VfioHost } from '../vfio-interface.js';
import type { PassthroughWay, ReadyDevice } from './passthrough.js';

/** Opens devices by their own files, into one IOAS. */
export class IommufdWay implements PassthroughWay {
  readonly kind = 'iommufd';
  readonly dma: DmaSpace;
  readonly #host: VfioHost;
  readonly #iommufd: Iommufd;
  readonly #ioas: Ioas;

  private constructor(host: VfioHost, iommufd: Iommufd, ioas: Ioas) {
    this.#host = host;
    this.#iommufd = iommufd;
    this.#ioas = ioas;
    this.dma = dmaSpaceOf(ioas);
  }

  /** `undefined` where the host has no iommufd. */
  static open(host: VfioHost): IommufdWay | undefined {
    const iommufd = openIfPresent(host);
    if (iommufd === undefined) return undefined;
    try {
      return new IommufdWay(host, iommufd, iommufd.allocateIoas());
    } catch (error) {
      iommufd.close();
      throw error;
    }
  }

  open({ address, cdev }: ReadyDevice): VfioDevice {
    if (cdev === undefined) {
      const message = `${address} has no file of its own (/dev/vfio/devices/), as the other devices have`;
      throw new FlatviewError('ERR_PASSTHROUGH', message);
    }
    const opened = this.#host.openCdev(cdev);
    try {
      const device = opened.bind(this.#iommufd);
      opened.attach(this.#ioas);
      return device;
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  close(): void {
    this.#ioas.close();
    this.#iommufd.close();
  }
}

function openIfPresent(host: VfioHost): Iommufd | undefined {
  try {
    return host.openIommufd();
  } catch (error) {
    const absent: readonly unknown[] = ['ENOENT', 'ENODEV'];
    if (error instanceof FlatviewError && absent.includes(error.errno)) return undefined;
    throw error;
  }
}
