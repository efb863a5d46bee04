import { FlatviewError } from '../../errors.js';
import { needsLinux } from '../../needs-linux.js';
import { type DeviceFacts, deviceObstacles, type JudgedBar } from './device-obstacles.js';
import { type HostPciDevice, readHostDevices } from './host-device.js';
import { type HostFileProblem, HostFiles, type HostRoots, thisHost } from './host-files.js';
import { readHostIommu } from './host-iommu.js';
import { type HostFacts, hostObstacles } from './host-obstacles.js';
import { readIoMemory } from './io-memory.js';
import { type IommuGroup, readIommuGroup } from './iommu-group.js';
import { type KernelRelease, parseKernelRelease } from './kernel-release.js';
import { readMemoryLock } from './memory-lock.js';
import { mmapVerdict } from './mmap-verdict.js';
import type { Obstacle } from './obstacle.js';
import { type BarPlace, HostAddressMap } from './page-neighbours.js';
import { isPageSize, readPageSize } from './page-size.js';
import { nearestPciAddresses, parsePciAddress } from './pci-address.js';
import { isMemory, ownBars } from './pci-resource.js';
import { readVfioSupport } from './vfio-support.js';

/** Options of {@link preflight}. */
export interface PreflightOptions {
  /** Where the kernel's files are. Default: this machine's. */
  readonly roots?: HostRoots;
  /** The one device to look at, `05:00.0` or `0000:05:00.0`. Default: all. */
  readonly address?: string;
  /** Bytes of a page of the host. Default: what it has; 4096 where that cannot be read. */
  readonly pageSize?: bigint;
  /** Bytes of the guest's memory, all of which must be pinned. */
  readonly guestMemory?: bigint;
}

/** What a BAR of a device is like, and whether a process may map it. */
export interface BarReport extends JudgedBar {
  /** Where it lies; undefined for I/O ports, and where the kernel found no address. */
  readonly place: BarPlace | undefined;
}

/** All about one device. */
export interface DeviceReport {
  readonly device: HostPciDevice;
  readonly group: IommuGroup | undefined;
  readonly bars: readonly BarReport[];
  /** What is in the way of this device, beside what is in the way of all. */
  readonly obstacles: readonly Obstacle[];
}

/** All about the host that concerns every device. */
export interface HostReport extends HostFacts {
  readonly kernel: KernelRelease | undefined;
  readonly pageSize: bigint;
  /** Whether /proc/iomem could be read: what is no PCI device is known, too. */
  readonly ioMemoryKnown: boolean;
  readonly obstacles: readonly Obstacle[];
}

/** What {@link preflight} found. */
export interface PreflightReport {
  readonly host: HostReport;
  readonly devices: readonly DeviceReport[];
  /** Files that could not be read or understood: what they say is taken for unknown. */
  readonly problems: readonly HostFileProblem[];
}

/**
 * Looks at a host's PCI devices as VFIO and a virtual machine will, and says what is in the way. It reads files of the
 * kernel and nothing else: it opens no device, and doesn't read configuration space, which would wake devices up.
 *
 * @throws `ERR_INVALID_ARGUMENT` for an address that is none or that no device has, and for a page size that is none;
 * `ERR_MALFORMED_INPUT` where there is no sysfs with PCI devices; `ERR_NEEDS_LINUX` of this machine, if it has another system.
 */
export function preflight(options: PreflightOptions = {}): PreflightReport {
  const roots = options.roots ?? thisHost;
  if (process.platform !== 'linux' && roots.sys === thisHost.sys) {
    throw needsLinux('looking at the PCI devices of this machine');
  }
  const files = new HostFiles(roots);
  const pageSize = checkedPageSize(options.pageSize) ?? readPageSize(files) ?? 4096n;
  const devices = readHostDevices(files);
  if (devices === undefined) {
    throw new FlatviewError('ERR_MALFORMED_INPUT', 'there is no bus/pci/devices in sysfs');
  }
  const chosen = options.address === undefined ? devices : [findDevice(devices, options.address)];
  const ioMemory = readIoMemory(files);
  const facts: HostFacts = {
    iommu: readHostIommu(files),
    vfio: readVfioSupport(files),
    memoryLock: readMemoryLock(files),
  };
  const host: HostReport = {
    ...facts,
    kernel: parseKernelRelease(files.text('/proc/sys/kernel/osrelease') ?? ''),
    pageSize,
    ioMemoryKnown: ioMemory !== undefined,
    obstacles: hostObstacles(facts, options.guestMemory),
  };
  const map = new HostAddressMap(devices, ioMemory);
  const reports = chosen.map((device) => reportDevice(device, host, map, files));
  return { host, devices: reports, problems: files.problems };
}

function checkedPageSize(size: bigint | undefined): bigint | undefined {
  if (size === undefined || isPageSize(size)) return size;
  const message = `${size} is no size of a page: a power of two of 4096 to 1048576 is expected`;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
}

function findDevice(devices: readonly HostPciDevice[], text: string): HostPciDevice {
  const address = parsePciAddress(text);
  if (address === undefined) {
    const message = `"${text}" is not a PCI address: 0000:05:00.0 or 05:00.0 is expected`;
    throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
  }
  const found = devices.find((device) => device.address === address);
  if (found !== undefined) return found;
  const all = devices.map((device) => device.address);
  const near = nearestPciAddresses(address, all, 5).join(', ') || 'none at all';
  const message = `there is no PCI device ${address}; near it are: ${near}`;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
}

function reportDevice(
  device: HostPciDevice,
  { pageSize, kernel, iommu }: HostReport,
  map: HostAddressMap,
  files: HostFiles,
): DeviceReport {
  const { iommuGroup } = device;
  const group = iommuGroup === undefined ? undefined : readIommuGroup(files, iommuGroup);
  const bars = ownBars(device.resources ?? []).map((bar) => {
    const lies = isMemory(bar) && bar.assigned;
    const place = lies ? map.place(device, bar, pageSize) : undefined;
    return { bar, place, verdict: mmapVerdict(bar, place, pageSize, kernel) };
  });
  const facts: DeviceFacts = {
    device,
    group,
    bars,
    pageSize,
    kernel,
    watched: iommu.present,
    alignment: files.text('/sys/bus/pci/resource_alignment'),
  };
  return { device, group, bars, obstacles: deviceObstacles(facts, files) };
}
