import type { MemoryRegionOps } from '../../memory/access/memory-region-ops.js';
import type { Msix } from '../msix/msix.js';
import type { Quirk, QuirkBar } from './quirk.js';

/** Where the two registers are in BAR 2. */
const dataOffset = 0x70n;
const addressOffset = 0x74n;

/** Bits of the address register. */
const addressBit = {
  /** Written: store the data register. Read: what was asked for by a read has come. */
  flag: 0x8000_0000,
  /** What the rest is an address in. */
  kind: 0x7fff_0000,
  offset: 0xfff,
} as const;

/** The kind that is the MSI-X table. */
const msixTable = 0x0001_0000;

/**
 * Realtek's RTL8168 has a way to its MSI-X table that goes past the table: BAR 2 has a register that takes an address (0x74) and one for
 * the data (0x70), and at some addresses there is the table. Drivers use it. The real table is the host's, so a guest must find
 * the emulated one there. These eight bytes in the middle of the registers cut their page.
 *
 * A read: the driver writes the address, waits for the flag, and reads the data. A write: it writes the data, then the address with
 * the flag, and waits until the flag is gone.
 */
export const rtl8168: Quirk = {
  name: 'rtl8168 msix window',
  match: { vendorId: 0x10ec, deviceIds: [0x8168] },
  windows: ({ bar, msix, latches }) => {
    const below = bar(2);
    if (below === undefined || msix === undefined) return [];
    const window = new TableWindow(below, msix, latches({ address: undefined, data: 0 }));
    return [
      { name: 'rtl8168 msix data', bar: 2, offset: dataOffset, size: 4n, ops: window.dataOps },
      {
        name: 'rtl8168 msix address',
        bar: 2,
        offset: addressOffset,
        size: 4n,
        ops: window.addressOps,
      },
    ];
  },
};

/** The registers, as far as they are emulated. */
interface TableLatches {
  /** What the address register reads as, while it is an address in the table. */
  address: number | undefined;
  data: number;
}

class TableWindow {
  readonly #below: QuirkBar;
  readonly #msix: Msix;
  readonly #latches: TableLatches;

  constructor(below: QuirkBar, msix: Msix, latches: TableLatches) {
    this.#below = below;
    this.#msix = msix;
    this.#latches = latches;
  }

  get addressOps(): MemoryRegionOps {
    return {
      read: (offset, size) => {
        const { address } = this.#latches;
        if (address !== undefined) return BigInt(address) >> (8n * offset);
        return this.#below.read(addressOffset + offset, size);
      },
      write: (offset, value, size) => {
        if (size === 4) this.#select(Number(value));
        else this.#below.write(addressOffset + offset, value, size);
      },
      ...upToFourBytes,
    };
  }

  get dataOps(): MemoryRegionOps {
    return {
      read: (offset, size) => {
        const { address, data } = this.#latches;
        if (address !== undefined) return BigInt(data) >> (8n * offset);
        return this.#below.read(dataOffset + offset, size);
      },
      // The device gets it, too: alone it has no effect, and what it is for is said only then.
      write: (offset, value, size) => {
        if (size === 4) this.#latches.data = Number(value);
        this.#below.write(dataOffset + offset, value, size);
      },
      ...upToFourBytes,
    };
  }

  /** The transfer is over at once: the flag is the opposite of what was written. */
  #select(value: number): void {
    if ((value & addressBit.kind) !== msixTable) {
      this.#latches.address = undefined;
      this.#below.write(addressOffset, BigInt(value), 4);
      return;
    }
    const offset = value & addressBit.offset;
    const isWrite = (value & addressBit.flag) !== 0;
    if (isWrite) this.#msix.writeTable(offset, BigInt(this.#latches.data), 4);
    else this.#latches.data = Number(this.#msix.readTable(offset, 4));
    this.#latches.address = (value ^ addressBit.flag) >>> 0;
  }
}

/** The protocol has four bytes at a time; others are the device's business. */
const upToFourBytes: MemoryRegionOps = {
  valid: { minSize: 1, maxSize: 4 },
  implementation: { minSize: 1, maxSize: 4 },
};
