import type { HostFiles } from './host-files.js';
import { comparePciAddresses, parsePciAddress } from './pci-address.js';
import { beyondBars, type PciResource, parsePciResources } from './pci-resource.js';

const devicesFolder = '/sys/bus/pci/devices';

/** A PCI device of the host, as sysfs shows it. What sysfs doesn't show is undefined. */
export interface HostPciDevice {
  /** As the kernel writes it: `0000:05:00.0`. */
  readonly address: string;
  readonly vendor: number | undefined;
  readonly device: number | undefined;
  /** Base class, subclass and programming interface: 24 bits. */
  readonly classCode: number | undefined;
  /** BARs, ROM, windows; undefined where they could not be read. */
  readonly resources: readonly PciResource[] | undefined;
  readonly driver: string | undefined;
  /** The only driver that may bind to it, if that is set. */
  readonly driverOverride: string | undefined;
  /** The bridge above it; undefined on a root bus. */
  readonly parent: string | undefined;
  readonly iommuGroup: string | undefined;
  /** NUMA node; undefined where it belongs to none. */
  readonly numaNode: number | undefined;
  /** `D0` to `D3cold`; `unknown` or `error` as the kernel says. */
  readonly powerState: string | undefined;
  /** How the kernel can reset it, best first; empty where it can't. */
  readonly resetMethods: readonly string[];
  /** Its physical function, if it is a virtual function of SR-IOV. */
  readonly physicalFunction: string | undefined;
  /** How many virtual functions it has in use. */
  readonly virtualFunctions: number;
  /** The firmware showed its screen here. */
  readonly bootDisplay: boolean;
  /** Its network interfaces, which go away when a guest gets it. */
  readonly networkInterfaces: readonly string[];
  /** Its character device in /dev/vfio/devices, if a driver of VFIO has it and the kernel has such devices. */
  readonly vfioDevice: string | undefined;
}

/** All PCI devices, by address. Undefined where there is no sysfs. */
export function readHostDevices(files: HostFiles): HostPciDevice[] | undefined {
  if (!files.exists(devicesFolder)) return undefined;
  return files
    .list(devicesFolder)
    .filter((name) => parsePciAddress(name) === name)
    .sort(comparePciAddresses)
    .map((address) => readHostDevice(files, address))
    .filter((device) => device !== undefined);
}

/** One device. Undefined where it is not there, or has gone while it was read. */
export function readHostDevice(files: HostFiles, address: string): HostPciDevice | undefined {
  const folder = `${devicesFolder}/${address}`;
  const text = (name: string) => files.text(`${folder}/${name}`);
  const device: HostPciDevice = {
    address,
    vendor: hexNumber(files, `${folder}/vendor`),
    device: hexNumber(files, `${folder}/device`),
    classCode: hexNumber(files, `${folder}/class`),
    resources: readResources(files, `${folder}/resource`),
    driver: files.linkName(`${folder}/driver`),
    driverOverride: override(text('driver_override')),
    parent: parentOf(files.linkTarget(folder)),
    iommuGroup: files.linkName(`${folder}/iommu_group`),
    numaNode: numaNode(text('numa_node')),
    powerState: text('power_state'),
    resetMethods: resetMethods(files, folder),
    physicalFunction: files.linkName(`${folder}/physfn`),
    virtualFunctions: Number.parseInt(text('sriov_numvfs') ?? '0', 10) || 0,
    bootDisplay: text('boot_vga') === '1',
    networkInterfaces: files.list(`${folder}/net`),
    vfioDevice: files.list(`${folder}/vfio-dev`).find((name) => /^vfio\d+$/.test(name)),
  };
  return files.exists(folder) ? device : undefined;
}

/** Base class 06h: what connects buses, the host's and ISA's included. Nobody gives these to a guest. */
export function isBridge({ classCode }: HostPciDevice): boolean {
  return classCode !== undefined && classCode >> 16 === 0x06;
}

/** The subclasses whose header is not of type 0: bridges to PCI and CardBus (PCI Code and ID Assignment Specification). */
const headerOfBridge = [0x0604, 0x0607, 0x0609];

/** Whether a device has a bridge's header of type 1 or 2, with windows. */
export function hasBridgeHeader({ classCode }: Pick<HostPciDevice, 'classCode'>): boolean {
  return classCode !== undefined && headerOfBridge.includes(classCode >> 8);
}

/** The addresses that a bridge passes on to the bus below. */
export function bridgeWindows(device: HostPciDevice): PciResource[] {
  return hasBridgeHeader(device) ? beyondBars(device.resources ?? []) : [];
}

function readResources(files: HostFiles, name: string): PciResource[] | undefined {
  const text = files.text(name);
  if (text === undefined) return undefined;
  const unclear = () => files.complain(name, 'is not a list of address ranges');
  return parsePciResources(text) ?? unclear();
}

function hexNumber(files: HostFiles, name: string): number | undefined {
  const text = files.text(name);
  if (text === undefined) return undefined;
  if (/^0x[0-9a-f]{1,8}$/i.test(text)) return Number(text);
  return files.complain(name, `is "${text.slice(0, 40)}", not a hexadecimal number`);
}

/** The kernel prints a missing string as `(null)` (`driver_override_show`). */
function override(text: string | undefined): string | undefined {
  return text === undefined || text === '' || text === '(null)' ? undefined : text;
}

/** The folder that a device's folder is in belongs to its bridge, or to the root bus. */
function parentOf(folder: string | undefined): string | undefined {
  const parent = folder?.split('/').at(-2) ?? '';
  return parsePciAddress(parent) === parent ? parent : undefined;
}

function numaNode(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined;
}

/** `reset_method` since Linux 5.15, `reset` before: files that are there if there is a way (`pci_reset_supported`). */
function resetMethods(files: HostFiles, folder: string): string[] {
  const methods = files.text(`${folder}/reset_method`);
  if (methods !== undefined) return methods.split(' ').filter((method) => method !== '');
  return files.exists(`${folder}/reset`) ? ['reset'] : [];
}
