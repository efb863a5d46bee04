// A small machine with VFIO: an address space, a simulated host with one device in a container, and the mapper.

import {
  type AddressSpace,
  type HostMemory,
  type MemoryRegion,
  MemoryTopology,
  type RamRegion,
} from '../../lib/index.js';
import {
  SimulatedVfio,
  type SimulatedVfioCall,
  type SimulatedVfioOptions,
} from '../../lib/simulated/index.js';
import {
  type DmaSpace,
  dmaSpaceOf,
  VfioDmaMapper,
  type VfioDmaMapperOptions,
  vfioExtension,
  vfioPciRegion,
} from '../../lib/vfio/index.js';
import { pages } from '../kvm/guest.js';

/** The device whose accesses are looked at. Its BAR 0 of 64 KiB can be mapped. */
export const deviceName = '0000:05:00.0';

const description = {
  name: deviceName,
  group: 5,
  cdev: 'vfio0',
  vendorId: 0x1234,
  deviceId: 0x5678,
  bars: [{ index: 0, kind: 'memory', size: 0x1_0000n }],
} as const;

/** How the host is used. */
export type Path = 'container' | 'ioas';

/** A host whose device does DMA. */
export interface DmaHost {
  readonly host: SimulatedVfio;
  readonly dma: DmaSpace;
  /** The memory of the device's BAR, as VFIO maps it. */
  bar(): HostMemory;
  /** Switches the device's memory decode. */
  decode(on: boolean): void;
}

export function dmaHost(kernel: SimulatedVfioOptions = {}, path: Path = 'container'): DmaHost {
  const host = new SimulatedVfio({ devices: [description], ...kernel });
  const { device, dma } = path === 'container' ? byContainer(host) : byIoas(host);
  const decode = (on: boolean): void => device.write(vfioPciRegion.config, 4n, on ? 6n : 4n, 2);
  decode(true);
  host.calls.length = 0;
  return { host, dma, decode, bar: () => device.map(0, 0n, 0x1_0000n) };
}

function byContainer(host: SimulatedVfio) {
  const container = host.openContainer();
  const group = host.openGroup(5);
  group.setContainer(container);
  container.setIommu(vfioExtension.type1v2);
  return { device: group.openDevice(deviceName), dma: dmaSpaceOf(container) };
}

function byIoas(host: SimulatedVfio) {
  const iommufd = host.openIommufd();
  const cdev = host.openCdev('vfio0');
  const device = cdev.bind(iommufd);
  const ioas = iommufd.allocateIoas();
  cdev.attach(ioas);
  return { device, dma: dmaSpaceOf(ioas) };
}

export interface DmaMachine extends DmaHost {
  readonly topology: MemoryTopology;
  readonly system: MemoryRegion;
  readonly memory: AddressSpace;
  readonly mapper: VfioDmaMapper;
  /** Makes RAM and, where an address is given, puts it there. */
  ram(name: string, size: number, address?: bigint | number, priority?: number): RamRegion;
  io(name: string, size: number, address?: bigint | number, priority?: number): MemoryRegion;
  /** The maps and unmaps since the last time, in short. */
  ioctls(): string[];
  /** What the device's access reaches: the address in this process, `blocked`, or `protected`. */
  access(iova: bigint, write?: boolean): bigint | string;
}

/** A machine that shows nothing yet. */
export function dmaMachine(
  options: VfioDmaMapperOptions = {},
  kernel: SimulatedVfioOptions = {},
  path: Path = 'container',
): DmaMachine {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const memory = topology.addressSpace('memory', system);
  const vfio = dmaHost(kernel, path);
  const { host } = vfio;
  const mapper = new VfioDmaMapper(vfio.dma, options);
  memory.addListener(mapper);
  host.calls.length = 0;
  const place = (region: MemoryRegion, address?: bigint | number, priority = 0): void => {
    if (address !== undefined) system.addSubregion(address, region, { priority });
  };
  return {
    ...vfio,
    topology,
    system,
    memory,
    mapper,
    ram(name, size, address, priority) {
      const region = topology.ram(name, size, { memory: pages(size) });
      place(region, address, priority);
      return region;
    },
    io(name, size, address, priority) {
      const region = topology.io(name, size, { read: () => 0n, write: () => undefined });
      place(region, address, priority);
      return region;
    },
    ioctls: () =>
      host.calls.splice(0).flatMap((call) => {
        const text = shortly(call);
        return text === undefined ? [] : [text];
      }),
    access: (iova, write = true) => accessOf(host, iova, write),
  };
}

/** What an access of one byte of the device reaches. */
export function accessOf(host: SimulatedVfio, iova: bigint, write: boolean): bigint | string {
  const reached = host.dma(deviceName, iova, 1n, write);
  return reached.kind === 'reached' ? (reached.pieces[0]?.address ?? 'nothing') : reached.why;
}

/** `map 0x0+0x1000 rw`, `unmap 0x0+0x1000`, with the error behind it; `undefined` for other calls. */
function shortly({ call, args, errno }: SimulatedVfioCall): string | undefined {
  const value = (name: string): bigint => BigInt(args[name] ?? 0n);
  const hex = (number: bigint): string => `0x${number.toString(16)}`;
  const failed = errno === undefined ? '' : ` ${errno}`;
  const place = `${hex(value('iova'))}+${hex(value('size') || value('length'))}`;
  const flags = value('flags');
  const how = (read: bigint, write: bigint): string =>
    `${flags & read ? 'r' : ''}${flags & write ? 'w' : ''}`;
  switch (call) {
    case 'VFIO_IOMMU_MAP_DMA':
      return `map ${place} ${how(1n, 2n)}${failed}`;
    case 'IOMMU_IOAS_MAP':
      return `map ${place} ${how(4n, 2n)}${failed}`;
    case 'VFIO_IOMMU_UNMAP_DMA':
    case 'IOMMU_IOAS_UNMAP':
      return `unmap ${place}${failed}`;
    default:
      return undefined;
  }
}
