// Devices for the machine of the hostile guest. Another kind of device joins by one more entry of `hostileDevices`.

import { HostMemory, type MemoryRegion, type MemoryTopology } from '../../lib/index.js';
import {
  AssignedPciDevice,
  addMsix,
  addPowerManagement,
  addVendorCapability,
  type BarBacking,
  type BarLayout,
  type BarPagePlan,
  ConfigSpace,
  layHeader,
  PciFunction,
} from '../../lib/pci/index.js';
import { type SimulatedDeviceDescription, SimulatedVfio } from '../../lib/simulated/index.js';
import { rtl8168 } from '../vfio/rtl8168.js';
import { deviceWith, openDevice } from './assigned-machine.js';
import { type BarSpec, layoutOf } from './pci-machine.js';

/** A device of the machine. */
export interface HostileDevice {
  readonly pci: PciFunction;
  /** What is mapped of it and would end an access by SIGBUS now, as its device does not decode: nothing may show that. */
  revoked(): readonly HostMemory[];
  /** Frees what it holds, when it is on no bus any more. */
  close(): void;
}

/** Makes a device, which the machine puts on its bus. */
export type MakeHostileDevice = (topology: MemoryTopology, name: string) => HostileDevice;

/** What shows in a BAR: callbacks, memory of this process, or such memory that may be grown to a page. */
type Content = 'io' | 'memory' | 'whole page';

interface EmulatedBar extends BarSpec {
  readonly content: Content;
}

const pageSize = 0x1000n;

function emulated(bars: readonly EmulatedBar[], addCapabilities: (config: ConfigSpace) => void) {
  return (topology: MemoryTopology, name: string): HostileDevice => {
    const memories: HostMemory[] = [];
    const allocate = (size: bigint): HostMemory => {
      const memory = HostMemory.allocate(size < pageSize ? pageSize : size);
      memories.push(memory);
      return memory;
    };
    const config = new ConfigSpace(name.endsWith('express') ? 4096 : 256);
    layHeader(config, { vendorId: 0x1234, deviceId: bars.length });
    addCapabilities(config);
    const made = bars.map(({ content, ...spec }) => {
      const layout = layoutOf(spec);
      const label = `${name} BAR ${layout.index}`;
      return { layout, backing: makeBacking(topology, label, layout, content, allocate) };
    });
    return {
      pci: new PciFunction(name, { config, bars: made }),
      revoked: () => [],
      close: () => {
        for (const memory of memories) memory.close();
      },
    };
  };
}

function makeBacking(
  topology: MemoryTopology,
  label: string,
  { size }: BarLayout,
  content: Content,
  allocate: (size: bigint) => HostMemory,
): BarBacking {
  if (content === 'io') return { region: topology.io(label, size, answering) };
  const region = topology.ramDevice(label, size, { memory: allocate(size) });
  if (content === 'memory') return { region };
  const slow = topology.io(`${label} slow`, size, answering, { enabled: false });
  region.addSubregion(0, slow);
  return {
    region,
    pages: { areas: [{ offset: 0n, size }], ownsWholePage: true, cuts: [] },
    applyPlan: (plan) => showPlan(region, slow, plan),
  };
}

function showPlan(region: MemoryRegion, slow: MemoryRegion, plan: BarPagePlan): void {
  region.size = plan.size;
  slow.enabled = plan.slowPages.length > 0;
}

/** A device of a simulated host. */
function assigned(description: SimulatedDeviceDescription): MakeHostileDevice {
  return (topology) => {
    const host = new SimulatedVfio({ devices: [description] });
    const device = openDevice(host, description.name);
    const it = new AssignedPciDevice({ topology, device, pageSize });
    return {
      pci: it.function,
      revoked: () => {
        // The list of calls would grow for as long as the guest lives.
        host.calls.length = 0;
        return host.revokedBarMaps.map(({ memory }) => memory);
      },
      close: () => {
        it.close();
        device.close();
      },
    };
  };
}

const answering = { read: () => 0x5an, write: () => undefined };

const kib = 1024n;
const mib = 1024n * kib;

/** Devices that are emulated here. */
const emulatedDevices: Readonly<Record<string, MakeHostileDevice>> = {
  nic: emulated(
    [
      { index: 0, size: 128n * kib, content: 'memory' },
      { index: 2, size: 0x20n, kind: 'io', content: 'io' },
      { index: 3, size: 16n * kib, content: 'io' },
      { index: 6, size: 64n * kib, content: 'memory' },
    ],
    (config) => {
      addPowerManagement(config, { d1: true });
      const table = { bar: 3, offset: 0 } as const;
      addMsix(config, { vectors: 5, table, pendingBits: { bar: 3, offset: 0x2000 } });
    },
  ),
  gpu: emulated(
    [
      { index: 0, size: 16n * mib, is64Bit: true, isPrefetchable: true, content: 'memory' },
      { index: 2, size: 2n * mib, is64Bit: true, content: 'memory' },
      { index: 5, size: 0x80n, kind: 'io', content: 'io' },
    ],
    (config) => addPowerManagement(config, { d1: true, d2: true }),
  ),
  small: emulated(
    [
      { index: 0, size: 0x100n, content: 'whole page' },
      { index: 1, size: 0x10n, content: 'whole page' },
      { index: 2, size: 0x800n, is64Bit: true, content: 'whole page' },
      { index: 4, size: 0x80n, content: 'io' },
    ],
    (config) => addPowerManagement(config),
  ),
  smaller: emulated(
    [
      { index: 0, size: 0x400n, content: 'whole page' },
      { index: 5, size: 0x40n, content: 'whole page' },
    ],
    (config) => addVendorCapability(config, Uint8Array.of(1, 2, 3, 4, 5)),
  ),
  pages: emulated(
    ([0, 1, 2, 3, 4, 5] as const).map((index) => ({ index, size: pageSize, content: 'memory' })),
    (config) => addPowerManagement(config),
  ),
  huge: emulated(
    [
      { index: 0, size: 1n << 40n, is64Bit: true, content: 'io' },
      { index: 2, size: 1n << 63n, is64Bit: true, content: 'io' },
      { index: 4, size: 1n << 31n, content: 'io' },
      { index: 5, size: 1n << 31n, kind: 'io', content: 'io' },
    ],
    (config) => addPowerManagement(config),
  ),
  ports: emulated(
    [
      { index: 0, size: 4n, kind: 'io', content: 'io' },
      { index: 1, size: 0x100n, kind: 'io', content: 'io' },
    ],
    () => undefined,
  ),
  express: emulated([{ index: 0, size: 8n * kib, content: 'memory' }], (config) =>
    addPowerManagement(config),
  ),
};

/** Devices of simulated hosts: a whole page with a back door in it, BARs smaller than a page, sparse areas, an MSI-X table amid registers. */
const assignedDevices: Readonly<Record<string, MakeHostileDevice>> = {
  rtl8168: assigned(rtl8168('0000:05:00.0', 5)),
  'assigned small': assigned(
    deviceWith(
      [
        { index: 0, kind: 'memory', size: 0x100n },
        { index: 1, kind: 'memory', size: 0x800n },
        { index: 2, kind: 'memory', size: 0x400n, is64Bit: true },
        { index: 4, kind: 'io', size: 0x40n },
      ],
      { hasPowerManagement: true },
    ),
  ),
  'assigned sparse': assigned(
    deviceWith(
      [
        {
          index: 0,
          kind: 'memory',
          size: 0x1_0000n,
          is64Bit: true,
          sparseAreas: [
            { offset: 0x1000n, size: 0x3000n },
            { offset: 0x8000n, size: 0x2000n },
          ],
        },
        { index: 2, kind: 'memory', size: 0x8000n, is64Bit: true, isPrefetchable: true },
        { index: 6, kind: 'rom', size: 0x1_0000n },
      ],
      {
        hasPowerManagement: true,
        isExpress: true,
        msix: { vectors: 32, tableBar: 2, tableOffset: 0x3000n, pendingOffset: 0x4000n },
      },
    ),
  ),
};

/** What is on the bus. */
export const hostileDevices: Readonly<Record<string, MakeHostileDevice>> = {
  ...emulatedDevices,
  ...assignedDevices,
};
