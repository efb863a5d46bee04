import type { MemoryRegionOps } from '../../memory/access/memory-region-ops.js';
import type { AccessWidth } from '../../memory/host-memory.js';
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

/** A quirk for a device with such a window: all else that it shows is left to the device. */
export function configWindow(window: ConfigWindow): Quirk {
  const { name, match, bar, addressOffset, dataOffset } = window;
  return {
    name,
    match,
    windows: (device) => {
      const below = device.bar(bar);
      if (below === undefined) return [];
      const state = new WindowState(window, device, below);
      return [
        { name: `${name} address`, bar, offset: addressOffset, size: 4n, ops: state.addressOps },
        { name: `${name} data`, bar, offset: dataOffset, size: 4n, ops: state.dataOps },
      ];
    },
  };
}

class WindowState {
  readonly #window: ConfigWindow;
  readonly #device: QuirkDevice;
  readonly #below: QuirkBar;
  /** Where in configuration space the window is; `undefined` where the device answers. */
  #selected: number | undefined;

  constructor(window: ConfigWindow, device: QuirkDevice, below: QuirkBar) {
    this.#window = window;
    this.#device = device;
    this.#below = below;
  }

  get addressOps(): MemoryRegionOps {
    const { addressOffset, start, size } = this.#window;
    return {
      read: (offset, width) => this.#below.read(addressOffset + offset, width as AccessWidth),
      write: (offset, value, width) => {
        this.#below.write(addressOffset + offset, value, width as AccessWidth);
        // The device puts together what comes in pieces: so does who asks it.
        const address = Number(this.#below.read(addressOffset, 4)) - start;
        this.#selected = address >= 0 && address < size ? address : undefined;
      },
      ...fourBytes,
    };
  }

  get dataOps(): MemoryRegionOps {
    const { dataOffset } = this.#window;
    return {
      read: (offset, width) =>
        this.#selected === undefined
          ? this.#below.read(dataOffset + offset, width as AccessWidth)
          : this.#device.config.read(this.#selected + Number(offset), width),
      write: (offset, value, width) => {
        if (this.#selected === undefined) {
          this.#below.write(dataOffset + offset, value, width as AccessWidth);
        } else this.#device.config.write(this.#selected + Number(offset), width, Number(value));
      },
      ...fourBytes,
    };
  }
}

const fourBytes: MemoryRegionOps = {
  valid: { minSize: 1, maxSize: 4 },
  implementation: { minSize: 1, maxSize: 4 },
};
