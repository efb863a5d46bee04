import type { VfioContainer, VfioDevice, VfioGroup } from '../../vfio/vfio-interface.js';
import { KernelRefusal, refuseIf } from '../errno.js';
import { Descriptor } from './descriptor.js';
import { DeviceUse } from './device-use.js';
import { type GroupState, isBoundToVfio } from './group-state.js';
import { SimulatedContainer } from './simulated-container.js';
import type { SimulatedKernel } from './simulated-kernel.js';
import { SimulatedVfioDevice } from './simulated-vfio-device.js';

/** An open file of an IOMMU group (drivers/vfio/group.c). */
export class SimulatedGroup extends Descriptor implements VfioGroup {
  readonly #state: GroupState;

  constructor(kernel: SimulatedKernel, state: GroupState) {
    super(kernel, `the VFIO group ${state.number}`);
    this.#state = state;
  }

  get group(): number {
    return this.#state.number;
  }

  status(): { readonly viable: boolean; readonly containerSet: boolean } {
    return this.call('VFIO_GROUP_GET_STATUS', {}, () => {
      const containerSet = this.#state.container !== undefined;
      return { viable: containerSet || this.#state.isViable, containerSet };
    });
  }

  setContainer(container: VfioContainer): void {
    const of = this.kernel.own(container, SimulatedContainer, 'a container');
    this.call('VFIO_GROUP_SET_CONTAINER', {}, () => {
      refuseIf(this.#state.container !== undefined, 'EINVAL');
      of.attach(this.#state);
      this.#state.container = of;
    });
  }

  unsetContainer(): void {
    this.call('VFIO_GROUP_UNSET_CONTAINER', {}, () => {
      refuseIf(this.#state.container === undefined, 'EINVAL');
      refuseIf(this.#state.hasUsers, 'EBUSY');
      this.#state.leaveContainer();
    });
  }

  openDevice(name: string): VfioDevice {
    const group = this.#state.number;
    return this.call('VFIO_GROUP_GET_DEVICE_FD', { group }, () => {
      const device = this.#state.devices.find((it) => it.name === name && isBoundToVfio(it));
      if (device === undefined) throw new KernelRefusal('ENODEV');
      refuseIf(this.#state.container?.hasIommu !== true, 'EINVAL');
      const use = new DeviceUse(device);
      this.kernel.open(use);
      this.#state.addUser(use);
      return new SimulatedVfioDevice(this.kernel, use);
    });
  }

  protected onClose(): void {
    this.#state.isFileOpen = false;
  }
}
