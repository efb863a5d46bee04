// All that can be seen of a topology, for tests that say that nothing changed.

import type {
  AliasRegion,
  FlatRange,
  MemoryRegion,
  MemoryTopology,
  RomDeviceRegion,
} from '../../lib/index.js';
import { rangeLine } from './view-lines.js';

/** Every property of the regions, and what every address space shows. */
export function stateLines(topology: MemoryTopology, regions: readonly MemoryRegion[]): string[] {
  return [
    `log of all memory: ${topology.isDirtyLogOn}`,
    ...regions.map(regionLine),
    ...topology.addressSpaces.map(({ name, root, flatView }) =>
      [name, root.name, flatView.root?.name, ...Array.from(flatView.ranges(), lineWithMask)].join(
        ' ',
      ),
    ),
  ];
}

function lineWithMask(range: FlatRange): string {
  return `${rangeLine(range)} log ${range.dirtyLogMask}`;
}

function regionLine(region: MemoryRegion): string {
  return JSON.stringify(
    {
      name: region.name,
      kind: region.kind,
      owner: region.owner,
      address: region.address,
      size: region.size,
      priority: region.priority,
      enabled: region.enabled,
      readonly: region.readonly,
      nonvolatile: region.nonvolatile,
      unmergeable: region.unmergeable,
      isDestroyed: region.isDestroyed,
      isMapped: region.isMapped,
      parent: region.parent?.name,
      subregions: region.subregions.map(({ name }) => name),
      dirtyLogMask: region.dirtyLogMask,
      ioeventfds: region.ioeventfds,
      coalescedRanges: region.coalescedRanges,
      aliasOffset: region.kind === 'alias' ? (region as AliasRegion).offset : undefined,
      romd: region.kind === 'rom-device' ? (region as RomDeviceRegion).romd : undefined,
    },
    (_, value: unknown) => (typeof value === 'bigint' ? value.toString(16) : value),
  );
}
