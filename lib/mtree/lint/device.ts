import { AliasRegion } from '../../memory/regions/alias-region.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import { regionType } from '../region-type.js';

/** Containers of 4 GiB and more hold devices; smaller ones are a device's own. */
const busSize = 1n << 32n;

/** PCI puts BARs on a bus with this priority (QEMU: pci_update_mappings); what belongs to the bus itself has 0. */
const barPriority = 1;

/** Whether a region holds devices that have nothing to do with each other: system memory, a PCI bus. */
export function isBus({ kind, size, parent }: MemoryRegion): boolean {
  return kind === 'container' && (size >= busSize || parent === undefined);
}

/** Whether a region is a BAR, as far as a dump shows it: it lies on a PCI bus, which is no root of its own here. */
export function isBar(region: MemoryRegion): boolean {
  const { parent } = region;
  if (parent === undefined || !isBus(parent) || region.priority !== barPriority) return false;
  return /pci|gpex/i.test(parent.name) && region.kind !== 'alias' && region.kind !== 'rom';
}

/** The outermost region around `region` that lies on a bus, such as a BAR; itself if that is the one. */
export function unitOf(region: MemoryRegion): MemoryRegion {
  let unit = region;
  while (unit.parent !== undefined && !isBus(unit.parent)) unit = unit.parent;
  return unit;
}

/** Whether two regions belong to one device, as far as one can know: by their owners, or by lying in one BAR. */
export function isSameDevice(a: MemoryRegion, b: MemoryRegion): boolean {
  if (a.owner !== undefined && b.owner !== undefined) return a.owner === b.owner;
  return unitOf(a) === unitOf(b);
}

/** Whether `region` lies in `container`, at any depth, or is it. */
export function isWithin(region: MemoryRegion, container: MemoryRegion): boolean {
  for (let at: MemoryRegion | undefined = region; at; at = at.parent) {
    if (at === container) return true;
  }
  return false;
}

/** What an alias shows in the end, and where the byte at the alias's start lies in it. */
export function targetOf(region: MemoryRegion): {
  readonly end: MemoryRegion;
  readonly offset: bigint;
} {
  let [end, offset] = [region, 0n];
  while (end instanceof AliasRegion) {
    offset += end.offset;
    end = end.target;
  }
  return { end, offset };
}

/** `NAME (TYPE)`, for messages. */
export function named(region: MemoryRegion): string {
  return `${region.name} (${regionType(region)})`;
}

/** So many regions are named in one message. */
const namedAtMost = 5;

/** The names of some regions, each once. */
export function namedAll(regions: readonly MemoryRegion[]): string {
  const names = [...new Set(regions.map(named))];
  const rest = names.length - namedAtMost;
  const shown = names.slice(0, namedAtMost).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}
