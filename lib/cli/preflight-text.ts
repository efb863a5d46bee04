import { hex } from '../address.js';
import {
  alignmentOf,
  anyInTheWay,
  type BarReport,
  barName,
  type DeviceReport,
  deviceClassName,
  type HostPciDevice,
  type HostReport,
  type IommuGroup,
  isBridge,
  type MemoryLimit,
  type Obstacle,
  type PciResource,
  type PreflightReport,
} from '../pci/host/index.js';
import { formatByteSize } from './byte-size.js';
import { tableLines, wrappedLines } from './text-table.js';

/** Longest line that is printed, but for commands and tables. */
const width = 100;

const indent = '   ';

/** All devices in a table, and what is in the way of all of them. */
export function summaryLines({ host, devices }: PreflightReport): string[] {
  const heading = ['DEVICE', 'ID', 'CLASS', 'DRIVER', 'GROUP', 'MAPPABLE', 'VERDICT'];
  return [
    ...hostLines(host),
    '',
    ...tableLines([heading, ...devices.map((device) => summaryRow(device))]),
    ...obstacleLines('In the way of every device:', host.obstacles),
    '',
    countLine(host, devices),
  ];
}

/** Everything about one device. */
export function deviceLines({ host, devices }: PreflightReport): string[] {
  return [
    ...hostLines(host),
    ...devices.flatMap((report) => [
      '',
      ...factLines(report),
      ...barLines(report.bars),
      ...obstacleLines('In the way of every device:', host.obstacles),
      ...obstacleLines(`In the way of ${report.device.address}:`, report.obstacles),
      '',
      verdictLine(host, report),
    ]),
  ];
}

function hostLines(host: HostReport): string[] {
  const { iommu, vfio, memoryLock, kernel, pageSize } = host;
  const remapping = { on: 'on', off: 'off', unknown: 'not known' }[iommu.interruptRemapping];
  const vfioParts = [
    vfio.pciDriver ? 'vfio-pci' : undefined,
    vfio.container ? '/dev/vfio/vfio' : undefined,
    vfio.iommufd ? '/dev/iommu' : undefined,
    vfio.noIommu ? 'no-IOMMU mode' : undefined,
    vfio.ids === undefined ? undefined : `ids=${vfio.ids}`,
    vfio.idleDevicesStayOn ? 'disable_idle_d3' : undefined,
    vfio.dmaEntryLimit === undefined ? undefined : `${vfio.dmaEntryLimit} DMA mappings`,
  ].filter((part) => part !== undefined);
  return tableLines([
    ['kernel', `${kernel?.text ?? 'not known'}, pages of ${formatByteSize(pageSize)}`],
    [
      'IOMMU',
      `${iommu.units.join(', ') || (iommu.present ? 'in use' : 'none')}; interrupt remapping ${remapping}`,
    ],
    ['VFIO', vfioParts.join(', ') || 'not there'],
    ['pinned memory', lockText(memoryLock)],
  ]);
}

function lockText(lock: HostReport['memoryLock']): string {
  if (lock === undefined) return 'limit not known';
  const text = (limit: MemoryLimit) =>
    limit === 'unlimited' ? 'unlimited' : formatByteSize(limit);
  const limits = `at most ${text(lock.soft)} (hard limit ${text(lock.hard)})`;
  return lock.exempt ? `${limits}, but CAP_IPC_LOCK lifts that` : limits;
}

function summaryRow(report: DeviceReport): string[] {
  const { device, group, bars } = report;
  const memory = bars.filter(({ bar }) => bar.kind === 'memory32' || bar.kind === 'memory64');
  const mappable = memory.filter(({ verdict }) => verdict.code === 'mappable');
  return [
    device.address,
    idText(device),
    deviceClassName(device.classCode),
    device.driver ?? '-',
    group?.id ?? '-',
    memory.length === 0 ? '-' : `${mappable.length} of ${memory.length}`,
    shortVerdict(report),
  ];
}

function shortVerdict({ device, obstacles }: DeviceReport): string {
  if (isBridge(device)) return 'bridge';
  const ids = (severity: Obstacle['severity']) =>
    [...new Set(obstacles.filter((one) => one.severity === severity).map(({ id }) => id))].join(
      ', ',
    );
  const parts = [
    ['blocked', ids('blocks')],
    ['slow', ids('slows')],
  ].filter(([, names]) => names !== '');
  return parts.map(([word, names]) => `${word}: ${names}`).join('; ') || 'ready';
}

function countLine(host: HostReport, devices: readonly DeviceReport[]): string {
  const candidates = devices.filter(({ device }) => !isBridge(device));
  const clear = anyInTheWay(host.obstacles)
    ? []
    : candidates.filter(({ obstacles }) => !anyInTheWay(obstacles));
  const more = 'flatview preflight ADDRESS says all about one.';
  return `${clear.length} of ${candidates.length} devices are ready. ${more}`;
}

function factLines({ device, group }: DeviceReport): string[] {
  const { classCode, physicalFunction, numaNode, resetMethods } = device;
  const code = classCode === undefined ? '' : ` (${classCode.toString(16).padStart(6, '0')})`;
  const facts: (string | undefined)[][] = [
    ['driver', device.driver ?? 'none'],
    ['behind', device.parent],
    ['IOMMU group', group === undefined ? 'none' : groupText(group, device.address)],
    ['virtual function of', physicalFunction],
    ['resets by', resetMethods.join(', ') || 'nothing'],
    ['power state', powerText(device)],
    ['NUMA node', numaNode?.toString()],
    ['VFIO device', device.vfioDevice],
  ];
  return [
    `${device.address}  ${idText(device)}  ${deviceClassName(classCode)}${code}`,
    ...tableLines(
      facts.flatMap(([name = '', text]) => (text === undefined ? [] : [[`  ${name}`, text]])),
    ),
  ];
}

/** A device that VFIO has sleeps while nobody has opened it. */
function powerText({ powerState, vfioDevice }: HostPciDevice): string | undefined {
  const sleeps = powerState?.startsWith('D3') && vfioDevice !== undefined;
  return sleeps ? `${powerState}, until somebody opens it` : powerState;
}

function idText({ vendor, device }: HostPciDevice): string {
  const four = (id: number | undefined) => id?.toString(16).padStart(4, '0') ?? '????';
  return `${four(vendor)}:${four(device)}`;
}

function groupText({ id, members, noIommu }: IommuGroup, address: string): string {
  const others = members
    .filter(({ name }) => name !== address)
    .map(({ name, driver, bridge }) => `${name} (${driver ?? (bridge ? 'bridge' : 'no driver')})`);
  const made = noIommu ? `${id} (made up, no IOMMU watches it)` : id;
  return `${made}, ${others.length === 0 ? 'alone' : `with ${others.join(', ')}`}`;
}

function barLines(bars: readonly BarReport[]): string[] {
  if (bars.length === 0) return ['', 'It has no BARs.'];
  const heading = ['BAR', 'KIND', 'ADDRESS', 'SIZE', 'ALIGNED', 'MMAP', 'WHY'];
  return ['', ...tableLines([heading, ...bars.map(barRow)]), ...bars.flatMap(neighbourLines)];
}

function neighbourLines({ bar, place }: BarReport): string[] {
  if (place === undefined || place.neighbours.length === 0) return [];
  const shared = place.neighbours.map(
    ({ name, first, last }) => `${name} (${hex(first)}-${hex(last)})`,
  );
  const page = `page ${hex(place.pages.first)}`;
  return wrappedLines(
    `${barName(bar.index)} shares ${page} with ${shared.join(', ')}`,
    indent,
    width,
  );
}

function barRow({ bar, verdict }: BarReport): string[] {
  const mappable = verdict.code === 'mappable';
  return [
    barName(bar.index).replace('BAR ', ''),
    kindText(bar),
    bar.assigned ? hex(bar.first) : '-',
    formatByteSize(bar.size),
    bar.assigned ? formatByteSize(alignmentOf(bar)) : '-',
    mappable ? (verdict.certain ? 'yes' : 'yes?') : 'no',
    mappable ? verdict.text : `${verdict.code}: ${verdict.text}`,
  ];
}

function kindText({ kind, prefetchable }: PciResource): string {
  const text = { io: 'I/O ports', memory32: 'memory 32', memory64: 'memory 64', rom: 'ROM' }[kind];
  return prefetchable && kind !== 'rom' ? `${text} prefetchable` : text;
}

function obstacleLines(heading: string, obstacles: readonly Obstacle[]): string[] {
  if (obstacles.length === 0) return [];
  const cures = obstacles.map(({ cure }) => cure);
  return [
    '',
    heading,
    ...obstacles.flatMap((one, index) => [
      ...wrappedLines(`${index + 1}. ${one.id} (${one.severity}): ${one.text}`, indent, width),
      ...(cures.indexOf(one.cure) < index ? [] : cureLines(one.cure)),
    ]),
  ];
}

/** A cure is printed once, where it is needed first. */
function cureLines(cure: Obstacle['cure']): string[] {
  if (cure === undefined) return [];
  const { text, commands } = cure;
  return [
    ...wrappedLines(`${indent}Change: ${text}`, indent, width),
    ...commands.map((command) => `${indent}  ${command}`),
  ];
}

function verdictLine(host: HostReport, { device, obstacles }: DeviceReport): string {
  const all = [...host.obstacles, ...obstacles];
  const count = (severity: Obstacle['severity']) =>
    all.filter((one) => one.severity === severity).length;
  const verdict =
    count('blocks') > 0
      ? `cannot be given to a guest: ${count('blocks')} of these block it`
      : count('slows') > 0
        ? `can be given to a guest, but part of it will be slow`
        : 'is ready for a guest';
  return `${device.address} ${verdict}.`;
}
