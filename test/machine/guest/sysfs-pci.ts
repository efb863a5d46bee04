// PCI devices of this machine through sysfs: Documentation/ABI/testing/sysfs-bus-pci.

import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { type EmulatedDevice, pciName } from '../devices.js';

const bus = '/sys/bus/pci';

/** A range of addresses that a BAR takes: as the file `resource` has it. */
export interface Resource {
  readonly start: number;
  readonly size: number;
  /** IORESOURCE_IO, IORESOURCE_MEM and others of include/linux/ioport.h. */
  readonly flags: number;
}

export const resourceFlag = { ports: 0x100, memory: 0x200 };

function folderOf(device: EmulatedDevice): string {
  return path.join(bus, 'devices', pciName(device));
}

export function readAttribute(device: EmulatedDevice, name: string): string {
  return readFileSync(path.join(folderOf(device), name), 'utf8').trim();
}

function writeAttribute(device: EmulatedDevice, name: string, value: string): void {
  writeFileSync(path.join(folderOf(device), name), value);
}

/** The last part of a link of the device: its driver or its IOMMU group. */
export function linkOf(device: EmulatedDevice, name: 'driver' | 'iommu_group'): string | undefined {
  const link = path.join(folderOf(device), name);
  return existsSync(link) ? path.basename(readlinkSync(link)) : undefined;
}

/** What the six BARs take. */
export function resources(device: EmulatedDevice): Resource[] {
  const lines = readAttribute(device, 'resource').split('\n').slice(0, 6);
  return lines.map((line) => {
    const [start = 0, end = 0, flags = 0] = line.split(' ').map(Number);
    return { start, size: flags === 0 ? 0 : end - start + 1, flags };
  });
}

/** Has vfio-pci drive the device, whatever did before. */
export function bindToVfio(device: EmulatedDevice): void {
  writeAttribute(device, 'driver_override', 'vfio-pci');
  if (linkOf(device, 'driver') !== undefined)
    writeAttribute(device, 'driver/unbind', pciName(device));
  writeFileSync(path.join(bus, 'drivers_probe'), pciName(device));
}

/** Has the device answer at the addresses of its BARs, and stay awake. */
export function decodeMemory(device: EmulatedDevice): void {
  const commandRegister = 0x04;
  const memorySpace = 0x02;
  writeAttribute(device, 'power/control', 'on');
  writeConfig(device, commandRegister, Uint8Array.of(memorySpace, 0));
}

/**
 * Has the kernel place BARs anew that have no address, one behind the other. (Firmware gives each a page of its own.) The kernel
 * packs small ones: `bar0At` of the table says where they come to lie.
 */
export function placeBars(moved: readonly EmulatedDevice[]): void {
  const bar0Register = 0x10;
  for (const device of moved) writeConfig(device, bar0Register, new Uint8Array(4));
  for (const device of moved) writeAttribute(device, 'remove', '1');
  writeFileSync(path.join(bus, 'rescan'), '1');
}

function writeConfig(device: EmulatedDevice, register: number, bytes: Uint8Array): void {
  const config = openSync(path.join(folderOf(device), 'config'), 'r+');
  try {
    writeSync(config, bytes, 0, bytes.length, register);
  } finally {
    closeSync(config);
  }
}
