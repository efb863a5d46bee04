import type { MemoryRegionOps } from '../../memory/access/memory-region-ops.js';
import type { BarIndex } from '../bars/bar.js';
import type { Quirk, QuirkBar, QuirkDevice, QuirkMatch } from './quirk.js';

/** Two registers, of which the first says what the second shows; at some addresses that is the device's configuration space. */
export interface ConfigWindow {
  /** Shown in dumps and explanations. */
  readonly name: string;
  /** Which functions it is for. */
  readonly match: QuirkMatch;
  /** The BAR that has the two registers. */
  readonly bar: BarIndex;
  /** Offset of the register that takes an address: 4 bytes. */
  readonly addressOffset: bigint;
  /** Offset of the register that shows what is there: 4 bytes. */
  readonly dataOffset: bigint;
  /** Where the configuration space is in what the window shows. */
  readonly start: number;
  /** How much of it is there, in bytes: a power of two. */
  readonly size: number;
}

/**
 * A quirk for a device with such a window: all else that it shows is left to the device.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   AssignedPciDevice,
 *   type ConfigWindow,
 *   commandBit,
 *   configRegister,
 *   configWindow,
 *   PciBus,
 * } from 'flatview/pci';
 * import { SimulatedVfio } from 'flatview/simulated';
 *
 * const window: ConfigWindow = {
 *   name: 'config window',
 *   match: { vendorId: 0x1002, baseClass: 3 },
 *   bar: 4,
 *   addressOffset: 0n,
 *   dataOffset: 4n,
 *   start: 0x4000,
 *   size: 0x1000,
 * };
 * const card = { name: '0000:01:00.0', group: 1, cdev: 'vfio0', vendorId: 0x1002, deviceId: 0x67df };
 * const bars = [{ index: 4, kind: 'io', size: 0x100n }] as const;
 * const host = new SimulatedVfio({ devices: [{ ...card, classCode: 0x03_0000, bars }] });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const quirks = [configWindow(window)];
 * const assigned = new AssignedPciDevice({ topology, device, pageSize: host.pageSize, quirks });
 *
 * const io = topology.container('I/O', 0x1_0000n);
 * const ports = topology.addressSpace('I/O', io);
 * const bus = new PciBus({ memory: topology.container('pci', 1n << 64n), io });
 * bus.add({ device: 1 }, assigned.function);
 * assigned.function.writeConfig(configRegister.bar0 + 4 * 4, 4, 0xc000);
 * assigned.function.writeConfig(configRegister.command, 2, commandBit.io);
 * // By the two ports a driver reads the register of BAR 4: it finds where the guest has the BAR.
 * ports.write(0xc000n, 4, 0x4020n);
 * ports.read(0xc004n, 4).value; // => 0xc001n
 * topology.close();
 * ```
 */
export function configWindow(window: ConfigWindow): Quirk {
  const { name, match, bar, addressOffset, dataOffset } = window;
  return {
    name,
    match,
    windows: (device) => {
      const below = device.bar(bar);
      if (below === undefined) return [];
      const latches = device.latches({ selected: undefined });
      const state = new WindowState(window, device, below, latches);
      return [
        { name: `${name} address`, bar, offset: addressOffset, size: 4n, ops: state.addressOps },
        { name: `${name} data`, bar, offset: dataOffset, size: 4n, ops: state.dataOps },
      ];
    },
  };
}

interface WindowLatches {
  /** Where in configuration space the window is; `undefined` where the device answers. */
  selected: number | undefined;
}

class WindowState {
  readonly #window: ConfigWindow;
  readonly #device: QuirkDevice;
  readonly #below: QuirkBar;
  readonly #latches: WindowLatches;

  constructor(window: ConfigWindow, device: QuirkDevice, below: QuirkBar, latches: WindowLatches) {
    this.#window = window;
    this.#device = device;
    this.#below = below;
    this.#latches = latches;
  }

  get addressOps(): MemoryRegionOps {
    const { addressOffset, start, size } = this.#window;
    return {
      read: (offset, width) => this.#below.read(addressOffset + offset, width),
      write: (offset, value, width) => {
        this.#below.write(addressOffset + offset, value, width);
        // The device puts together what comes in pieces: so does who asks it.
        const address = Number(this.#below.read(addressOffset, 4)) - start;
        this.#latches.selected = address >= 0 && address < size ? address : undefined;
      },
      ...fourBytes,
    };
  }

  get dataOps(): MemoryRegionOps {
    const { dataOffset } = this.#window;
    return {
      read: (offset, width) => {
        const { selected } = this.#latches;
        return selected === undefined
          ? this.#below.read(dataOffset + offset, width)
          : this.#device.config.read(selected + Number(offset), width);
      },
      write: (offset, value, width) => {
        const { selected } = this.#latches;
        if (selected === undefined) {
          this.#below.write(dataOffset + offset, value, width);
        } else this.#device.config.write(selected + Number(offset), width, Number(value));
      },
      ...fourBytes,
    };
  }
}

const fourBytes: MemoryRegionOps = {
  valid: { minSize: 1, maxSize: 4 },
  implementation: { minSize: 1, maxSize: 4 },
};
