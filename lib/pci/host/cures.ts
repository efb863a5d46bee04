import type { HostPciDevice } from './host-device.js';
import { type IommuGroupMember, isVfioDriver } from './iommu-group.js';
import type { MemoryLock } from './memory-lock.js';
import type { Cure } from './obstacle.js';
import { parsePciAddress } from './pci-address.js';

const devices = '/sys/bus/pci/devices';

/** Commands that bind a device to vfio-pci, and to nothing else until the next boot (`driver_override`). */
export function bindToVfio(address: string, driver: string | undefined): string[] {
  return [
    `echo vfio-pci > ${devices}/${address}/driver_override`,
    ...(driver === undefined ? [] : [`echo ${address} > ${devices}/${address}/driver/unbind`]),
    `echo ${address} > /sys/bus/pci/drivers_probe`,
  ];
}

export function bindCure(address: string, driver: string | undefined): Cure {
  return {
    text: `bind it to vfio-pci; driverctl set-override ${address} vfio-pci does so at each boot, too`,
    commands: bindToVfio(address, driver),
  };
}

/** Commands that take members of a group from the host's drivers. vfio-pci takes no bridges, and nothing but PCI. */
export function takeFromHost(members: readonly IommuGroupMember[]): string[] {
  return members
    .filter(({ name }) => parsePciAddress(name) === name)
    .flatMap(({ name, driver, bridge }) =>
      bridge ? [`echo ${name} > ${devices}/${name}/driver/unbind`] : bindToVfio(name, driver),
    );
}

/** An entry of `pci=resource_alignment=`: nothing in it means anything to a shell. */
const alignment = /^[\w@:./]+$/;

/**
 * Gives each memory BAR of `device` pages of its own: the kernel makes the BARs larger and looks for a place again
 * (`pci_request_resource_alignment`, drivers/pci; Documentation/admin-guide/kernel-parameters.txt). It doesn't for
 * virtual functions, whose BARs the specification of SR-IOV leaves to the physical one.
 *
 * @param present What /sys/bus/pci/resource_alignment says now: it is replaced as a whole.
 */
export function alignCure(
  device: HostPciDevice,
  pageSize: bigint,
  present: string | undefined,
): Cure | undefined {
  const { address, physicalFunction, driver } = device;
  if (physicalFunction !== undefined) return undefined;
  const order = pageSize.toString(2).length - 1;
  const others = (present ?? '')
    .split(/[;,]/)
    .filter((one) => alignment.test(one) && !namesDevice(one, address));
  const all = [...others, `${order}@${address}`].join(';');
  const quote = others.length === 0 ? '' : 'in quotes, as GRUB takes ; for an end, ';
  return {
    text:
      `boot with pci=resource_alignment=${all} (${quote}and with pci=realloc if the kernel says that it finds no ` +
      'space), or do it now: the device goes away and comes back, and its BARs seem larger than they are',
    commands: [
      `echo '${all}' > /sys/bus/pci/resource_alignment`,
      `echo 1 > ${devices}/${address}/remove`,
      'echo 1 > /sys/bus/pci/rescan',
      ...(isVfioDriver(driver) ? bindToVfio(address, undefined) : []),
    ],
  };
}

/** Whether an entry is about this one device: the kernel takes the first that is (`pci_specified_resource_alignment`). */
function namesDevice(entry: string, address: string): boolean {
  return parsePciAddress(entry.replace(/^\d+@/, '')) === address;
}

/** Lets this shell, and what it starts, pin `bytes`. */
export function memoryLockCure({ hard }: MemoryLock, bytes: bigint): Cure {
  const kibibytes = (bytes + 1023n) / 1024n;
  const withinHard = hard === 'unlimited' || hard >= bytes;
  return {
    text:
      `allow it, here ${withinHard ? '' : '(as root) '}or where the VMM is started: LimitMEMLOCK=${bytes} in its ` +
      `systemd unit, or "USER - memlock ${kibibytes}" in /etc/security/limits.d/vfio.conf`,
    commands: [`ulimit -l ${kibibytes}`],
  };
}

/** Sets a parameter of a module for the next time that it is loaded. */
export function moduleParameter(module: string, parameter: string): string {
  return `echo 'options ${module} ${parameter}' >> /etc/modprobe.d/${module.replaceAll('_', '-')}.conf`;
}
