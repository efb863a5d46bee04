import { alignCure, bindCure, takeFromHost } from './cures.js';
import { type HostPciDevice, hasBridgeHeader } from './host-device.js';
import type { HostFiles } from './host-files.js';
import { type IommuGroup, isVfioDriver, keepsGroup } from './iommu-group.js';
import type { KernelRelease } from './kernel-release.js';
import type { MmapVerdict } from './mmap-verdict.js';
import { type Cure, type Obstacle, type ObstacleId, obstacle } from './obstacle.js';
import { barName, type PciResource } from './pci-resource.js';

/** A BAR with what vfio-pci would say of mapping it. */
export interface JudgedBar {
  readonly bar: PciResource;
  readonly verdict: MmapVerdict;
}

/** What is known of a device when its obstacles are looked for. */
export interface DeviceFacts {
  readonly device: HostPciDevice;
  readonly group: IommuGroup | undefined;
  readonly bars: readonly JudgedBar[];
  readonly pageSize: bigint;
  readonly kernel: KernelRelease | undefined;
  /** Whether the host has an IOMMU: each device is in a group then. */
  readonly watched: boolean;
  /** What /sys/bus/pci/resource_alignment says. */
  readonly alignment: string | undefined;
}

/** What is in the way of giving this one device to a guest. */
export function deviceObstacles(facts: DeviceFacts, files: HostFiles): Obstacle[] {
  const { device } = facts;
  if (hasBridgeHeader(device)) return [bridgeObstacle(device)];
  // In the order in which they are to be cured: a device that comes back with other BARs has lost its driver.
  return [
    ...barObstacles(facts),
    ...driverObstacles(device),
    ...groupObstacles(facts),
    ...nodeObstacles(facts, files),
    ...notes(device),
  ];
}

/** vfio-pci takes headers of type 0 only (`vfio_pci_core_register_device`, drivers/vfio/pci/vfio_pci_core.c). */
function bridgeObstacle({ address }: HostPciDevice): Obstacle {
  const text = `${address} is a bridge: what is behind it can be given to a guest, but not the bridge`;
  return obstacle('bridge', text);
}

function driverObstacles({ address, driver, driverOverride }: HostPciDevice): Obstacle[] {
  if (isVfioDriver(driver)) return [];
  const cure = bindCure(address, driver);
  if (driver !== undefined) return [obstacle('other-driver', `${driver} has ${address}`, cure)];
  const kept = driverOverride === undefined ? '' : `, and only ${driverOverride} may have it`;
  return [obstacle('no-driver', `no driver has ${address}${kept}`, cure)];
}

function groupObstacles({ device, group, kernel, watched }: DeviceFacts): Obstacle[] {
  if (group === undefined) {
    if (!watched) return [];
    const text = `${device.address} is in no IOMMU group: the IOMMU does not watch it`;
    return [obstacle('no-group', text)];
  }
  const keepers = group.members.filter(
    (member) => member.name !== device.address && keepsGroup(member, kernel),
  );
  if (keepers.length === 0) return [];
  const names = keepers.map(({ name, driver }) => `${name} (${driver})`).join(', ');
  const text = `IOMMU group ${group.id} belongs together, and the host uses ${names}`;
  const cure = {
    text: 'give these to the same guest or take them from the host, too; or put the card into a slot with a group of its own',
    commands: takeFromHost(keepers),
  };
  return [obstacle('group-shared', text, cure)];
}

/** The node of the group or of the device: a container has those that it was given. */
function nodeObstacles({ device, group }: DeviceFacts, files: HostFiles): Obstacle[] {
  if (!isVfioDriver(device.driver) || group === undefined || !files.knows('/dev')) return [];
  const node = `/dev/vfio/${group.noIommu ? 'noiommu-' : ''}${group.id}`;
  const { vfioDevice } = device;
  if (files.exists(node)) return [];
  if (vfioDevice !== undefined && files.exists(`/dev/vfio/devices/${vfioDevice}`)) return [];
  const cure = {
    text: `give it to the container in which this runs (--device ${node}), or see what udev does`,
    commands: ['udevadm trigger --subsystem-match=vfio'],
  };
  return [obstacle('no-group-node', `${node} is not there`, cure)];
}

function barObstacles(facts: DeviceFacts): Obstacle[] {
  const { address, resources } = facts.device;
  if (resources === undefined) {
    return [obstacle('bars-unknown', `the BARs of ${address} could not be read`)];
  }
  const align = alignCure(facts.device, facts.pageSize, facts.alignment);
  return facts.bars
    .map((judged) => barObstacle(judged, align))
    .filter((found) => found !== undefined);
}

/** Which verdicts are obstacles. I/O ports and ROMs are meant to be read and written through the device. */
const obstacleOfVerdict: Readonly<Partial<Record<MmapVerdict['code'], ObstacleId>>> = {
  unassigned: 'bar-unassigned',
  'not-page-aligned': 'bar-not-page-aligned',
  'page-shared': 'bar-shares-page',
  'beyond-window': 'bar-beyond-window',
  'old-kernel': 'kernel-without-sub-page',
};

function barObstacle({ bar, verdict }: JudgedBar, align: Cure | undefined): Obstacle | undefined {
  const name = barName(bar.index);
  if (!verdict.certain) return obstacle('neighbours-unknown', `${name}: ${verdict.text}`, asRoot);
  const id = obstacleOfVerdict[verdict.code];
  return id && obstacle(id, `${name}: ${verdict.text}`, barCure[id] ?? align);
}

const asRoot: Cure = { text: 'run this as root, who may read /proc/iomem', commands: [] };

/** What helps where a page of its own doesn't. */
const barCure: Readonly<Partial<Record<ObstacleId, Cure>>> = {
  'kernel-without-sub-page': { text: 'run Linux 4.8 or later', commands: [] },
  'bar-unassigned': {
    text: 'boot with pci=realloc, which makes the windows of bridges larger',
    commands: [],
  },
};

function notes(device: HostPciDevice): Obstacle[] {
  const { address, bootDisplay, networkInterfaces, resetMethods, virtualFunctions } = device;
  const found: Obstacle[] = [];
  if (bootDisplay) {
    found.push(obstacle('host-in-use', `${address} is the display that the host booted with`));
  }
  if (networkInterfaces.length > 0) {
    const names = networkInterfaces.join(', ');
    found.push(obstacle('host-in-use', `the host loses its network interface ${names}`));
  }
  if (resetMethods.length === 0) {
    const text = `${address} cannot be reset: the next guest finds it as the last one left it`;
    found.push(obstacle('no-reset', text));
  }
  if (virtualFunctions > 0) {
    const text = `${address} has ${virtualFunctions} virtual functions in use`;
    found.push(obstacle('virtual-functions-in-use', text));
  }
  return found;
}
