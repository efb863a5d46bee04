import type { SimulatedDevice } from '../device/simulated-device.js';
import { refuseIf } from '../errno.js';
import type { DeviceUse } from './device-use.js';
import type { SimulatedContainer } from './simulated-container.js';

/** Who may let the devices of a group do DMA. */
export type DmaOwner = object;

/** An IOMMU group (drivers/vfio/group.c, drivers/iommu/iommu.c). */
export class GroupState {
  readonly number: number;
  readonly #devicesNow: () => readonly SimulatedDevice[];
  /** Whether its file is open. */
  isFileOpen = false;
  container: SimulatedContainer | undefined;
  /** Devices that were opened by its file. */
  #users: DeviceUse[] = [];
  /** The iommufd that devices were bound to, by their own files. */
  #owner: DmaOwner | undefined;
  #bound: DeviceUse[] = [];

  /** @param devices Those that are in it when it is asked. */
  constructor(number: number, devices: () => readonly SimulatedDevice[]) {
    this.number = number;
    this.#devicesNow = devices;
  }

  get devices(): readonly SimulatedDevice[] {
    return this.#devicesNow();
  }

  /** Whether its devices are behind no IOMMU. */
  get isNoIommu(): boolean {
    return this.devices.some(({ description }) => description.noIommu === true);
  }

  /** Whether there is a file for it: a device is bound to vfio-pci. */
  get exists(): boolean {
    return this.devices.some(isBoundToVfio);
  }

  /** Whether no driver of the host uses one of its devices for DMA. */
  get isViable(): boolean {
    const isFree = this.devices.every((device) => isBoundToVfio(device) || hasNoDriver(device));
    return this.isNoIommu || (isFree && this.#owner === undefined);
  }

  /** Whether its file is open, or kept open by devices that are. */
  get isOpen(): boolean {
    return this.isFileOpen || this.#users.length > 0;
  }

  get hasUsers(): boolean {
    return this.#users.length > 0;
  }

  get isBoundToIommufd(): boolean {
    return this.#bound.length > 0;
  }

  addUser(use: DeviceUse): void {
    this.#users.push(use);
  }

  /** A device is bound to an iommufd (iommu_device_claim_dma_owner). */
  bind(use: DeviceUse, owner: DmaOwner): void {
    refuseIf(this.#owner !== undefined && this.#owner !== owner, 'EPERM');
    refuseIf(this.#owner === undefined && !this.isViable, 'EPERM');
    this.#owner = owner;
    this.#bound.push(use);
  }

  /** Leaves out the devices that are closed; when nothing keeps it open, it leaves its container. */
  settle(): void {
    this.#users = this.#users.filter((use) => use.isAlive);
    this.#bound = this.#bound.filter((use) => use.isAlive);
    if (this.#bound.length === 0) this.#owner = undefined;
    if (!this.isOpen) this.leaveContainer();
  }

  leaveContainer(): void {
    this.container?.detach(this);
    this.container = undefined;
  }
}

export function isBoundToVfio({ description }: SimulatedDevice): boolean {
  return (description.driver ?? 'vfio-pci') === 'vfio-pci';
}

function hasNoDriver({ description }: SimulatedDevice): boolean {
  return description.driver === 'none';
}
