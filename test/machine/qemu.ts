// QEMU's command line, from the machine and the table of devices.

import { busAddress, type EmulatedDevice } from './devices.js';
import type { Iommu } from './machine.js';

/** What QEMU boots. */
export interface BootOptions {
  readonly iommu: Iommu;
  readonly devices: readonly EmulatedDevice[];
  /** Files of the host: the kernel, and its first file system. */
  readonly image: string;
  readonly initramfs: string;
  /** A folder of the host that the guest mounts. */
  readonly share: string;
  /** Where QEMU writes what it traces. */
  readonly trace: string;
  /** Words that are added to the command line of the kernel. */
  readonly kernelArguments?: readonly string[];
  readonly processors: number;
}

const command = 'qemu-system-x86_64';

/** Without remapping of interrupts VFIO refuses the IOMMU: EPERM. */
const iommuDevice: Readonly<Record<Iommu, string>> = {
  intel: 'intel-iommu,intremap=on',
  iommufd: 'intel-iommu,intremap=on',
  amd: 'amd-iommu,intremap=on',
};

/** `no_timer_check`: on a busy host the emulated timer may be too late for the kernel's check of it, which panics. */
const kernelArguments = ['console=ttyS0', 'quiet', 'panic=-1', 'no_timer_check', 'intel_iommu=on'];

const memoryMebibytes = 1024;

export function qemuCommand(boot: BootOptions): [command: string, ...args: string[]] {
  const traced = new Set(boot.devices.flatMap(({ traced = [] }) => traced));
  return [
    command,
    ...['-nodefaults', '-no-user-config', '-no-reboot'],
    ...['-display', 'none', '-monitor', 'none'],
    // Signals are the guest's: Ctrl-C in its shell is not for QEMU.
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max'],
    ...['-smp', String(boot.processors), '-m', String(memoryMebibytes)],
    ...['-device', iommuDevice[boot.iommu]],
    ...boot.devices.flatMap(deviceArguments),
    ...['-fsdev', `local,id=share,path=${boot.share},security_model=none`],
    ...['-device', 'virtio-9p-pci,fsdev=share,mount_tag=share,addr=1e'],
    ...[...traced].flatMap((event) => ['-trace', `enable=${event}`]),
    ...['-D', boot.trace],
    ...['-kernel', boot.image, '-initrd', boot.initramfs],
    ...['-append', [...kernelArguments, ...(boot.kernelArguments ?? [])].join(' ')],
  ];
}

function deviceArguments(device: EmulatedDevice): string[] {
  const { model, properties, backend = [] } = device;
  const place = `addr=${busAddress(device)}`;
  return [...backend, '-device', [model, place, ...(properties ? [properties] : [])].join(',')];
}
