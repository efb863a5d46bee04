import type { Ioas, Iommufd, VfioCdev, VfioDevice } from '../../vfio/vfio-interface.js';
import type { SimulatedDevice } from '../device/simulated-device.js';
import { KernelRefusal, refuseIf } from '../errno.js';
import { Descriptor } from './descriptor.js';
import { DeviceUse } from './device-use.js';
import type { IommufdContext } from './iommufd-context.js';
import { SimulatedIoas, SimulatedIommufd } from './simulated-iommufd.js';
import type { SimulatedKernel } from './simulated-kernel.js';
import { SimulatedVfioDevice } from './simulated-vfio-device.js';

/** An open file of /dev/vfio/devices (drivers/vfio/device_cdev.c). */
export class SimulatedCdev extends Descriptor implements VfioCdev {
  readonly #device: SimulatedDevice;
  #bound: { readonly context: IommufdContext; readonly device: BoundDevice } | undefined;

  constructor(kernel: SimulatedKernel, device: SimulatedDevice) {
    super(kernel, `the VFIO device file of ${device.name}`);
    this.#device = device;
  }

  bind(iommufd: Iommufd): VfioDevice {
    const { context } = this.kernel.own(iommufd, SimulatedIommufd, 'an iommufd');
    return this.call('VFIO_DEVICE_BIND_IOMMUFD', {}, () => {
      const group = this.kernel.groupOf(this.#device.description.group);
      refuseIf(group.isOpen, 'EBUSY');
      refuseIf(this.#bound !== undefined || this.kernel.isOpen(this.#device), 'EINVAL');
      refuseIf(!this.kernel.rules.interruptRemapping, 'EPERM');
      const use = new DeviceUse(this.#device);
      group.bind(use, context);
      this.kernel.open(use);
      context.bind(use);
      const device = new BoundDevice(this.kernel, use, this);
      this.#bound = { context, device };
      return device;
    });
  }

  attach(ioas: Ioas): void {
    const { id } = this.kernel.own(ioas, SimulatedIoas, 'an IO address space');
    this.call('VFIO_DEVICE_ATTACH_IOMMUFD_PT', { pt_id: id }, () =>
      this.#context.attach(this.#device, id),
    );
  }

  detach(): void {
    this.call('VFIO_DEVICE_DETACH_IOMMUFD_PT', {}, () => this.#context.detach(this.#device));
  }

  protected onClose(): void {
    this.#bound?.device.close();
  }

  get #context(): IommufdContext {
    if (this.#bound === undefined) throw new KernelRefusal('EINVAL');
    return this.#bound.context;
  }
}

/** A device that was opened by its own file: the file and it are one. */
class BoundDevice extends SimulatedVfioDevice {
  readonly #cdev: SimulatedCdev;

  constructor(kernel: SimulatedKernel, use: DeviceUse, cdev: SimulatedCdev) {
    super(kernel, use);
    this.#cdev = cdev;
  }

  protected override onClose(): void {
    super.onClose();
    this.#cdev.close();
  }
}
