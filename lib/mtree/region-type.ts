import { AliasRegion } from '../memory/regions/alias-region.js';
import type { MemoryRegion } from '../memory/regions/memory-region.js';
import { RomDeviceRegion } from '../memory/regions/rom-device-region.js';
import { type MonitorType, monitorType } from './monitor-format.js';

/** The type that the monitor prints for a live region; for an alias that of the region it ends at. */
export function regionType(region: MemoryRegion): MonitorType {
  let end = region;
  while (end instanceof AliasRegion) end = end.target;
  const romd = end instanceof RomDeviceRegion && end.romd;
  return monitorType({ kind: end.kind, readonly: end.readonly, romd });
}
