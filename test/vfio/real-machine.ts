import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { locatePciDevice, type PciLocation } from '../../lib/vfio/index.js';
import { type EmulatedDeviceName, emulatedMachine } from './emulated-machine.js';

/** Where this machine has a device of the emulated one. */
export function locate(name: EmulatedDeviceName): PciLocation {
  return locatePciDevice(emulatedMachine[name].name);
}

/** Whether there is iommufd, with files of devices. */
export const hasIommufd: boolean = existsSync('/dev/iommu');

/** Why tests that need the kernel's VFIO and these devices can't run here; false where they can. */
export const noVfio: string | false = whyNot();

function whyNot(): string | false {
  const where = 'run it in the emulated machine: npm run test:machine';
  if (!existsSync('/dev/vfio/vfio')) return `there is no VFIO here (/dev/vfio/vfio); ${where}`;
  const others = Object.values(emulatedMachine).filter((it) => idOf(it.name) !== idsOf(it));
  const [other] = others;
  return other === undefined ? false : `this host's ${other.name} is another device; ${where}`;
}

function idsOf({ vendorId, deviceId }: { vendorId: number; deviceId: number }): string {
  return [vendorId, deviceId].map((id) => `0x${id.toString(16).padStart(4, '0')}`).join(' ');
}

function idOf(address: string): string | undefined {
  const read = (file: string) => {
    const whole = path.join('/sys/bus/pci/devices', address, file);
    return existsSync(whole) ? readFileSync(whole, 'utf8').trim() : 'absent';
  };
  return `${read('vendor')} ${read('device')}`;
}
