import type {
  SimulatedDeviceDescription,
  SimulatedRegisters,
  SimulatedRegistersSource,
} from '../../lib/simulated/index.js';

/** Where BAR 2 of an RTL8168 lets the MSI-X table be reached by the back door: data at 0x70, address and latch at 0x74. */
const windowData = 0x70n;
const windowAddress = 0x74n;

/** Bit of the address register that starts a transfer, and is cleared when it is done. */
const latch = 1n << 31n;
/** Bits of the address register that select all four bytes of an entry's word for a write. */
const writeEnable = 0xfn << 12n;

const tableOffset = 0n;
const vectors = 4;

/**
 * A Realtek RTL8168 Ethernet controller: ports, a BAR of 4 KiB that holds registers and the back door to the MSI-X table, and a
 * prefetchable BAR of 16 KiB with the table.
 */
export function rtl8168(name: string, group: number): SimulatedDeviceDescription {
  return {
    name,
    group,
    vendorId: 0x10ec,
    deviceId: 0x8168,
    classCode: 0x020000,
    isExpress: true,
    msiVectors: 1,
    msix: { vectors, tableBar: 4, tableOffset, pendingOffset: 0x800n },
    bars: [
      { index: 0, kind: 'io', size: 0x100n },
      { index: 2, kind: 'memory', size: 0x1000n, is64Bit: true, registers: backDoor },
      { index: 4, kind: 'memory', size: 0x4000n, is64Bit: true, isPrefetchable: true },
    ],
  };
}

/**
 * The registers of BAR 2: plain bytes, but for the window. Writing 0x74 with the latch moves a word between 0x70 and the device's own
 * copy of the MSI-X table.
 */
function backDoor({ bytes }: SimulatedRegistersSource): SimulatedRegisters {
  const table = new Uint32Array(4 * vectors);
  const transfer = (command: bigint): void => {
    const word = Number((command & 0xfffn) >> 2n) % table.length;
    if ((command & writeEnable) !== 0n) table[word] = Number(bytes.load(windowData, 4));
    else bytes.store(windowData, 4, BigInt(table[word] ?? 0));
    bytes.store(windowAddress, 4, command & ~latch);
  };
  return {
    read: (offset, width) => bytes.load(offset, width),
    write: (offset, value, width) => {
      bytes.store(offset, width, value);
      if (offset === windowAddress && width === 4 && (value & latch) !== 0n) transfer(value);
    },
  };
}
