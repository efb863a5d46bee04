/** The flags of struct resource that sysfs shows (include/linux/ioport.h). */
const flag = {
  io: 0x100n,
  memory: 0x200n,
  prefetchable: 0x2000n,
  memory64: 0x10_0000n,
  unset: 0x2000_0000n,
} as const;

/**
 * What a BAR decodes: I/O ports, memory of 32 or of 64 bits, or the expansion ROM. Of a bridge it can also be a window
 * to the bus below, of a physical function the BARs of all its virtual functions.
 */
export type PciResourceKind = 'io' | 'memory32' | 'memory64' | 'rom';

/** An address range of a PCI device, one line of its `resource` file. */
export interface PciResource {
  /** The kernel's number: 0 to 5 BARs, 6 expansion ROM, then SR-IOV BARs and windows (enum in include/linux/pci.h). */
  readonly index: number;
  readonly kind: PciResourceKind;
  readonly prefetchable: boolean;
  readonly first: bigint;
  readonly last: bigint;
  /** Bytes. The kernel's, which `pci=resource_alignment=` can make larger than the device's. */
  readonly size: bigint;
  /** False where the kernel found no place for it: `first` is no address then. */
  readonly assigned: boolean;
}

const romIndex = 6;

/** Resources of this number and above are no BARs of the device itself. */
const firstBeyondBars = 7;

/** The BARs and the ROM of the device itself. */
export function ownBars(resources: readonly PciResource[]): PciResource[] {
  return resources.filter(({ index }) => index < firstBeyondBars);
}

/** A bridge's windows, or the BARs of a physical function's virtual functions. */
export function beyondBars(resources: readonly PciResource[]): PciResource[] {
  return resources.filter(({ index }) => index >= firstBeyondBars);
}

export function isMemory({ kind }: PciResource): boolean {
  return kind !== 'io';
}

/** How a BAR is called: `BAR 0`, or `ROM`. */
export function barName(index: number): string {
  return index === romIndex ? 'ROM' : `BAR ${index}`;
}

/** The largest power of two that its address is a multiple of; 0 at address 0. */
export function alignmentOf({ first }: PciResource): bigint {
  return first & -first;
}

/**
 * Reads a `resource` file: a line of first address, last address and flags for each resource, zeros where there is none
 * (`resource_show`, drivers/pci/pci-sysfs.c). Undefined where the text is something else.
 */
export function parsePciResources(text: string): PciResource[] | undefined {
  const resources: PciResource[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const numbers = /^0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16})$/i.exec(line.trim());
    if (numbers === null) return undefined;
    const [first = 0n, last = 0n, flags = 0n] = numbers.slice(1).map((hex) => BigInt(`0x${hex}`));
    if (last < first) return undefined;
    const kind = kindOf(index, flags);
    if (kind === undefined) continue;
    resources.push({
      index,
      kind,
      prefetchable: (flags & flag.prefetchable) !== 0n,
      first,
      last,
      size: last - first + 1n,
      assigned: (flags & flag.unset) === 0n,
    });
  }
  return resources;
}

function kindOf(index: number, flags: bigint): PciResourceKind | undefined {
  if (flags & flag.io) return 'io';
  if (!(flags & flag.memory)) return undefined;
  if (index === romIndex) return 'rom';
  return flags & flag.memory64 ? 'memory64' : 'memory32';
}
