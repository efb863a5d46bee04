import { MemoryRegionSection } from '../views/section.js';
import type { MemoryRegion } from './memory-region.js';

/**
 * The first section that lies within `size` bytes at `offset` of `region`, in the address space of which the
 * outermost parent of `region` is the root (QEMU: memory_region_find).
 */
export function findSection(
  region: MemoryRegion,
  offset: bigint,
  size: bigint,
): MemoryRegionSection | undefined {
  let address = offset + region.address;
  let root = region;
  for (let parent = region.parent; parent !== undefined; parent = parent.parent) {
    root = parent;
    address += parent.address;
  }
  const space = region.topology.addressSpaces.find((it) => it.root === root);
  if (space === undefined || size === 0n || address >> 64n !== 0n) return undefined;
  const first = space.flatView.from(address).next().value;
  if (first === undefined || first.address >= address + size) return undefined;
  return new MemoryRegionSection(space, first).within(address, size);
}
