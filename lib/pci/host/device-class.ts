/** The base classes of PCI devices (PCI Code and ID Assignment Specification, chapter 1). */
const baseClasses: readonly (string | undefined)[] = [
  'before classes were defined',
  'mass storage controller',
  'network controller',
  'display controller',
  'multimedia device',
  'memory controller',
  'bridge',
  'communication controller',
  'base system peripheral',
  'input device',
  'docking station',
  'processor',
  'serial bus controller',
  'wireless controller',
  'intelligent I/O controller',
  'satellite controller',
  'encryption controller',
  'signal processing controller',
  'processing accelerator',
  'instrumentation',
];

/** What a device is, by its class code of 24 bits. */
export function deviceClassName(classCode: number | undefined): string {
  return (classCode === undefined ? undefined : baseClasses[classCode >> 16]) ?? 'unclassified';
}
