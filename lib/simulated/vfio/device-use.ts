import type { SimulatedDevice } from '../device/simulated-device.js';
import type { BarMap } from './mapped-bars.js';
import { isLive } from './mapped-bars.js';

/** A device that somebody opened: it stays open while its file is, or a mapping of one of its BARs. */
export class DeviceUse {
  readonly device: SimulatedDevice;
  isFileOpen = true;
  #maps: BarMap[] = [];

  constructor(device: SimulatedDevice) {
    this.device = device;
  }

  get isAlive(): boolean {
    return this.isFileOpen || this.#maps.some(isLive);
  }

  addMap(map: BarMap): void {
    this.#maps = this.#maps.filter(isLive);
    this.#maps.push(map);
  }
}
