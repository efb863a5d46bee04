import { FlatviewError } from '../../errors.js';
import { addon } from '../../native/addon.js';
import type { Ioas, Iommufd, VfioCdev, VfioDevice } from '../vfio-interface.js';
import { KernelDevice } from './kernel-device.js';
import { KernelHandle } from './kernel-handle.js';
import { KernelIoas, KernelIommufd } from './kernel-iommufd.js';
import { vfioCall } from './vfio-call.js';

/** A device's own file of the real kernel. */
export class KernelCdev implements VfioCdev {
  readonly #deviceName: string;
  readonly #handle: KernelHandle;

  /**
   * @param path Of its file, such as /dev/vfio/devices/vfio0.
   * @param deviceName What sysfs calls the device.
   */
  constructor(path: string, deviceName: string) {
    const handle = vfioCall('open', () => addon.vfioOpenDevice(path));
    this.#deviceName = deviceName;
    this.#handle = new KernelHandle(deviceName, handle, addon.vfioDeviceClose);
  }

  bind(iommufd: Iommufd): VfioDevice {
    if (!(iommufd instanceof KernelIommufd)) throw this.#foreign('iommufd');
    vfioCall('VFIO_DEVICE_BIND_IOMMUFD', () =>
      addon.vfioDeviceBind(this.#handle.get(), iommufd.handle),
    );
    return new KernelDevice(this.#deviceName, this.#handle);
  }

  attach(ioas: Ioas): void {
    if (!(ioas instanceof KernelIoas)) throw this.#foreign('IOAS');
    vfioCall('VFIO_DEVICE_ATTACH_IOMMUFD_PT', () =>
      addon.vfioDeviceAttach(this.#handle.get(), ioas.handle),
    );
  }

  detach(): void {
    vfioCall('VFIO_DEVICE_DETACH_IOMMUFD_PT', () => addon.vfioDeviceDetach(this.#handle.get()));
  }

  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #foreign(what: string): FlatviewError {
    const message = `what ${this.#deviceName} shall use is no ${what} of this kernel`;
    return new FlatviewError('ERR_INVALID_ARGUMENT', message);
  }
}
