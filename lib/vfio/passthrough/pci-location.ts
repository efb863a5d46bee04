import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { FlatviewError } from '../../errors.js';
import { needsLinux } from '../../needs-linux.js';

/** A PCI device, and who drives it. */
export interface DrivenDevice {
  /** Such as `0000:05:00.0`. */
  readonly address: string;
  /** `undefined` where none is bound. */
  readonly driver: string | undefined;
}

/** Where the kernel has a PCI device, and what VFIO makes of it (Documentation/ABI/testing/sysfs-bus-pci). */
export interface PciLocation extends DrivenDevice {
  /** Whether its driver is one of VFIO's. */
  readonly isVfio: boolean;
  /** Its IOMMU group; `undefined` where the host has no IOMMU, or it is off. */
  readonly group: number | undefined;
  /** All devices of the group, this one too. */
  readonly groupDevices: readonly DrivenDevice[];
  /** Whether the group was made up for no-IOMMU mode: nothing is translated or protected. */
  readonly noIommu: boolean;
  /** The name of its own file, such as `vfio0` (since Linux 6.6). */
  readonly cdev: string | undefined;
}

/** This machine's. */
const thisSysfs = '/sys';

/** What the kernel calls a group of no-IOMMU mode (drivers/vfio/group.c). */
const noIommuGroupName = 'vfio-noiommu';

/**
 * Finds a PCI device by sysfs.
 *
 * @param address Such as `0000:05:00.0`, or `05:00.0` in segment 0.
 * @throws `ERR_INVALID_ARGUMENT`: that is no address; `ERR_PASSTHROUGH`: there is no such device; `ERR_NEEDS_LINUX`.
 *
 * @example
 * ```ts
 * import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
 * import { tmpdir } from 'node:os';
 * import path from 'node:path';
 * import { type DrivenDevice, locatePciDevice, type PciLocation } from 'flatview/vfio';
 *
 * // A device that the host itself uses.
 * const sysfs = mkdtempSync(path.join(tmpdir(), 'sysfs-'));
 * const folder = path.join(sysfs, 'bus/pci/devices/0000:05:00.0');
 * mkdirSync(path.join(sysfs, 'bus/pci/drivers/nvme'), { recursive: true });
 * mkdirSync(folder, { recursive: true });
 * symlinkSync('../../drivers/nvme', path.join(folder, 'driver'));
 *
 * const location: PciLocation = locatePciDevice('05:00.0', sysfs);
 * const device: DrivenDevice = location;
 * [device.address, device.driver]; // => ['0000:05:00.0', 'nvme']
 * [location.isVfio, location.group]; // => [false, undefined]
 * locatePciDevice('5', sysfs); // throws ERR_INVALID_ARGUMENT
 * rmSync(sysfs, { recursive: true });
 * ```
 */
export function locatePciDevice(address: string, sysfs: string = thisSysfs): PciLocation {
  const name = fullAddress(address);
  const folder = path.join(sysfs, 'bus/pci/devices', name);
  if (!existsSync(folder)) {
    if (process.platform !== 'linux' && sysfs === thisSysfs) throw needsLinux('VFIO');
    throw new FlatviewError('ERR_PASSTHROUGH', `${name}: there is no such PCI device (${folder})`);
  }
  const driver = linkName(path.join(folder, 'driver'));
  const cdevs = filesOf(path.join(folder, 'vfio-dev'));
  const groupName = linkName(path.join(folder, 'iommu_group'));
  const groupFolder = path.join(folder, 'iommu_group');
  return {
    address: name,
    driver,
    isVfio: cdevs.length > 0 || (driver?.includes('vfio') ?? false),
    group: groupName === undefined ? undefined : Number(groupName),
    groupDevices: filesOf(path.join(groupFolder, 'devices')).map((device) => ({
      address: device,
      driver: linkName(path.join(sysfs, 'bus/pci/devices', device, 'driver')),
    })),
    noIommu: textOf(path.join(groupFolder, 'name')) === noIommuGroupName,
    // Older kernels have the folder, and no file of the device.
    cdev: cdevs.find((cdev) => existsSync(path.join(folder, 'vfio-dev', cdev, 'dev'))),
  };
}

function fullAddress(address: string): string {
  const parts = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/i.exec(address);
  if (parts !== null) return `${parts[1] ?? '0000'}:${parts[2]}`.toLowerCase();
  const message = `${String(address)} is no address of a PCI device, such as 0000:05:00.0`;
  throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
}

/** The last part of what a link leads to. */
function linkName(link: string): string | undefined {
  return existsSync(link) ? path.basename(readlinkSync(link)) : undefined;
}

function filesOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function textOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}
