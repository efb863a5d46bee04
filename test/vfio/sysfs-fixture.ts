import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

/** A PCI device as sysfs shows it. */
export interface SysfsDevice {
  readonly name: string;
  /** `undefined`: the host has no IOMMU. */
  readonly group?: number;
  readonly driver?: string;
  readonly cdev?: string;
  /** The kernel is older than 6.6: the cdev's folder is there, and it has no file. */
  readonly isCdevWithoutFile?: boolean;
  readonly noIommu?: boolean;
}

/** A sysfs with these devices, that goes with the test. */
export function sysfsOf(t: TestContext, devices: readonly SysfsDevice[]): string {
  const root = mkdtempSync(path.join(os.tmpdir(), 'flatview-sysfs-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const device of devices) addDevice(root, device);
  return root;
}

function addDevice(root: string, device: SysfsDevice): void {
  const { name, group, driver, cdev } = device;
  const folder = path.join(root, 'bus/pci/devices', name);
  mkdirSync(folder, { recursive: true });
  if (driver !== undefined) {
    const driverFolder = path.join(root, 'bus/pci/drivers', driver);
    mkdirSync(driverFolder, { recursive: true });
    symlinkSync(driverFolder, path.join(folder, 'driver'));
  }
  if (cdev !== undefined) {
    const cdevFolder = path.join(folder, 'vfio-dev', cdev);
    mkdirSync(cdevFolder, { recursive: true });
    if (device.isCdevWithoutFile !== true) writeFileSync(path.join(cdevFolder, 'dev'), '511:0\n');
  }
  if (group === undefined) return;
  const groupFolder = path.join(root, 'kernel/iommu_groups', String(group));
  mkdirSync(path.join(groupFolder, 'devices'), { recursive: true });
  symlinkSync(folder, path.join(groupFolder, 'devices', name));
  symlinkSync(groupFolder, path.join(folder, 'iommu_group'));
  if (device.noIommu === true) writeFileSync(path.join(groupFolder, 'name'), 'vfio-noiommu\n');
}
