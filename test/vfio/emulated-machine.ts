// The simulated twin of the emulated machine: the same devices, with the same BARs, at the same addresses on the bus. What a kernel said of
// them inside (Linux 6.1 and 6.12) the simulated one says, too.

import type { SimulatedBar, SimulatedDeviceDescription } from '../../lib/simulated/index.js';

/** The devices, by what tests call them. */
export type EmulatedDeviceName =
  | 'edu'
  | 'sdhci'
  | 'rtl8139'
  | 'watchdog'
  | 'pvpanic'
  | 'ohci'
  | 'testdev'
  | 'e1000e'
  | 'nvme'
  | 'xhci'
  | 'ivshmem'
  | 'sdhci-shared-start'
  | 'sdhci-shared-behind'
  | 'edu-in-shared-group'
  | 'rng-in-shared-group'
  | 'display';

const kibibyte = 1n << 10n;
const mebibyte = 1n << 20n;

type Details = Omit<
  SimulatedDeviceDescription,
  'name' | 'group' | 'vendorId' | 'deviceId' | 'bars'
>;

function memory(
  index: SimulatedBar['index'],
  size: bigint,
  more: Partial<SimulatedBar> = {},
): SimulatedBar {
  return { index, kind: 'memory', size, ...more };
}

function ports(index: SimulatedBar['index'], size: bigint): SimulatedBar {
  return { index, kind: 'io', size };
}

/** @param slot Device number and function, as in `0000:00:<slot>`. Its group is the device number. */
function pciFunction(
  slot: string,
  id: string,
  bars: readonly SimulatedBar[],
  more: Details = {},
): SimulatedDeviceDescription {
  const [vendorId = 0, deviceId = 0] = id.split(':').map((digits) => Number.parseInt(digits, 16));
  const name = `0000:00:${slot}`;
  const group = Number.parseInt(slot, 16);
  return { name, group, cdev: `vfio${slot}`, vendorId, deviceId, bars, ...more };
}

const sdhci = '1b36:0007';
const edu = '1234:11e8';
const eduDetails: Details = { msiVectors: 1, canReset: false };

/** The machine's devices. */
export const emulatedMachine: Readonly<Record<EmulatedDeviceName, SimulatedDeviceDescription>> = {
  edu: pciFunction('04.0', edu, [memory(0, mebibyte)], eduDetails),
  sdhci: pciFunction('05.0', sdhci, [memory(0, 256n)]),
  rtl8139: pciFunction('06.0', '10ec:8139', [ports(0, 256n), memory(1, 256n)]),
  watchdog: pciFunction('07.0', '8086:25ab', [memory(0, 16n)]),
  pvpanic: pciFunction('08.0', '1b36:0011', [memory(0, 16n)], { hasIntx: false }),
  ohci: pciFunction('09.0', '106b:003f', [memory(0, 256n)]),
  testdev: pciFunction('0a.0', '1b36:0005', [memory(0, 4n * kibibyte), ports(1, 256n)]),
  e1000e: pciFunction(
    '0b.0',
    '8086:10d3',
    [
      memory(0, 128n * kibibyte),
      memory(1, 128n * kibibyte),
      ports(2, 32n),
      memory(3, 16n * kibibyte),
    ],
    {
      isExpress: true,
      msiVectors: 1,
      msix: { vectors: 5, tableBar: 3, tableOffset: 0n, pendingOffset: 0x2000n },
    },
  ),
  nvme: pciFunction('0c.0', '1b36:0010', [memory(0, 16n * kibibyte, { is64Bit: true })], {
    isExpress: true,
    msix: { vectors: 65, tableBar: 0, tableOffset: 0x2000n, pendingOffset: 0x3000n },
  }),
  xhci: pciFunction('0d.0', '1b36:000d', [memory(0, 16n * kibibyte, { is64Bit: true })], {
    isExpress: true,
    msix: { vectors: 16, tableBar: 0, tableOffset: 0x3000n, pendingOffset: 0x3800n },
  }),
  ivshmem: pciFunction('0e.0', '1af4:1110', [
    memory(0, 256n),
    memory(2, mebibyte, { is64Bit: true, isPrefetchable: true }),
  ]),
  'sdhci-shared-start': pciFunction('10.0', sdhci, [
    memory(0, 256n, { hostAddress: 0x4000_0000n }),
  ]),
  'sdhci-shared-behind': pciFunction('11.0', sdhci, [
    memory(0, 256n, { hostAddress: 0x4000_0100n }),
  ]),
  'edu-in-shared-group': pciFunction('14.0', edu, [memory(0, mebibyte)], eduDetails),
  'rng-in-shared-group': pciFunction('14.1', '1af4:1005', [], { driver: 'virtio-pci' }),
  display: pciFunction('15.0', '1234:1111', [
    memory(0, 16n * mebibyte, { isPrefetchable: true }),
    memory(2, 4n * kibibyte),
  ]),
};
