// A topology made anew from what another one says of itself.

import type { AddressSpace, AliasRegion, MemoryRegion, RomDeviceRegion } from '../../lib/index.js';
import { dirtyLogClients, MemoryTopology } from '../../lib/index.js';

/** Builds the present trees of `spaces` from nothing, through the public API, and returns address spaces of them. */
export function rebuilt(spaces: readonly AddressSpace[]): readonly AddressSpace[] {
  const topology = new MemoryTopology();
  const copies = new Map<MemoryRegion, MemoryRegion>();

  function copy(region: MemoryRegion): MemoryRegion {
    const known = copies.get(region);
    if (known !== undefined) return known;
    const made = make(region);
    copies.set(region, made);
    made.address = region.address;
    for (const child of [...region.subregions].reverse()) {
      made.addSubregion(child.address, copy(child), { priority: child.priority });
    }
    return made;
  }

  function make(region: MemoryRegion): MemoryRegion {
    const { name, size, enabled, readonly, nonvolatile, unmergeable, dirtyLogMask } = region;
    const options = { enabled, readonly, nonvolatile, unmergeable };
    const made = makeKind(region, name, size, options);
    for (const client of ['vga', 'code', 'migration'] as const) {
      made.setDirtyLog(client, (dirtyLogMask & dirtyLogClients[client]) !== 0);
    }
    return made;
  }

  function makeKind(
    region: MemoryRegion,
    name: string,
    size: bigint,
    options: object,
  ): MemoryRegion {
    const memory = { ...options, backing: 'none' } as const;
    switch (region.kind) {
      case 'alias': {
        const { target, offset } = region as AliasRegion;
        return topology.alias(name, copy(target), { ...options, offset, size });
      }
      case 'container':
        return topology.container(name, size, options);
      case 'rom-device': {
        const { romd } = region as RomDeviceRegion;
        return topology.romDevice(name, size, {}, { ...memory, romd });
      }
      case 'ram':
      case 'rom':
      case 'ram-device':
        return topology.ram(name, size, memory);
      case 'io':
      case 'iommu':
      case 'reservation':
        return topology.io(name, size, {}, options);
    }
  }

  return topology.transaction(() =>
    spaces.map(({ name, root }) => topology.addressSpace(name, copy(root))),
  );
}
