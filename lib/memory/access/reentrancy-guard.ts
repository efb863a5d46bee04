import type { MemoryRegion } from '../regions/memory-region.js';
import type { MemoryTopology } from '../topology.js';
import type { DeviceRegion } from './answering-regions.js';

/** The devices whose callbacks are running: the owner's name where a region has one, else the region. */
const engaged = new WeakMap<MemoryTopology, Set<string | MemoryRegion>>();

/**
 * Runs `body`, which calls callbacks of `region`, unless a callback of the same owner is running.
 *
 * A guest can point a device's DMA at the device's own registers; devices don't expect to be called in the middle of
 * a call, and QEMU had many vulnerabilities of that kind (since 8.1: mem_reentrancy_guard). As there, rom devices,
 * read-only regions and those that opt out aren't guarded.
 *
 * @returns What `body` returns; `undefined` when it wasn't run.
 */
export function guarded<T>(region: DeviceRegion, body: () => T): T | undefined {
  if (region.kind !== 'io' || region.readonly || region.ops.reentrant) return body();
  const devices = engagedDevices(region.topology);
  const device = region.owner ?? region;
  if (devices.has(device)) return undefined;
  devices.add(device);
  try {
    return body();
  } finally {
    devices.delete(device);
  }
}

function engagedDevices(topology: MemoryTopology): Set<string | MemoryRegion> {
  const known = engaged.get(topology);
  if (known !== undefined) return known;
  const devices = new Set<string | MemoryRegion>();
  engaged.set(topology, devices);
  return devices;
}
