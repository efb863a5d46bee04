import { FlatviewError } from '../../errors.js';
import { addon } from '../../native/addon.js';
import { groupStatusLayout } from '../../native/vfio-addon.js';
import type { VfioContainer, VfioDevice, VfioGroup } from '../vfio-interface.js';
import { KernelContainer } from './kernel-container.js';
import { KernelDevice } from './kernel-device.js';
import { KernelHandle } from './kernel-handle.js';
import { vfioCall, vfioWords } from './vfio-call.js';

/** An IOMMU group of the real kernel. */
export class KernelGroup implements VfioGroup {
  readonly group: number;
  readonly #handle: KernelHandle;

  /** @param path Of its file, such as /dev/vfio/26. */
  constructor(path: string, group: number) {
    const handle = vfioCall('open', () => addon.vfioOpenGroup(path));
    this.group = group;
    this.#handle = new KernelHandle(`IOMMU group ${group}`, handle, addon.vfioGroupClose);
  }

  status(): { readonly viable: boolean; readonly containerSet: boolean } {
    const words = vfioWords('VFIO_GROUP_GET_STATUS', () =>
      addon.vfioGroupStatus(this.#handle.get()),
    );
    return {
      viable: words[groupStatusLayout.viable] === 1n,
      containerSet: words[groupStatusLayout.containerSet] === 1n,
    };
  }

  setContainer(container: VfioContainer): void {
    if (!(container instanceof KernelContainer)) {
      const message = `what IOMMU group ${this.group} shall join is no container of this kernel`;
      throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
    }
    vfioCall('VFIO_GROUP_SET_CONTAINER', () =>
      addon.vfioGroupSetContainer(this.#handle.get(), container.handle),
    );
  }

  unsetContainer(): void {
    vfioCall('VFIO_GROUP_UNSET_CONTAINER', () => addon.vfioGroupUnsetContainer(this.#handle.get()));
  }

  openDevice(name: string): VfioDevice {
    const device = vfioCall('VFIO_GROUP_GET_DEVICE_FD', () =>
      addon.vfioGroupOpenDevice(this.#handle.get(), name),
    );
    return new KernelDevice(name, new KernelHandle(name, device, addon.vfioDeviceClose));
  }

  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
