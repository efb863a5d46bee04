import type { IoRegion } from '../regions/io-region.js';
import type { IommuRegion } from '../regions/iommu-region.js';
import type { MemoryRegion } from '../regions/memory-region.js';
import type { RamRegion } from '../regions/ram-region.js';
import type { RomDeviceRegion } from '../regions/rom-device-region.js';
import type { FlatRange } from '../views/flat-view.js';
import type { Access } from './access.js';

/** A region that answers by callbacks. */
export type DeviceRegion = IoRegion | RomDeviceRegion;

export function isDeviceRegion(region: MemoryRegion): region is DeviceRegion {
  return region.kind === 'io' || region.kind === 'rom-device';
}

/** Whether an access to `region` ends where the region ends to show. */
export function isCutAtEdges(region: DeviceRegion): boolean {
  return 'endsAccesses' in region && region.endsAccesses;
}

export function isIommuRegion(region: MemoryRegion): region is IommuRegion {
  return region.kind === 'iommu';
}

/** Whether `region` has bytes in this process. */
export function hasBytes(region: MemoryRegion): region is RamRegion {
  return region.isRam || region.kind === 'rom-device';
}

/** Whether `region` may be accessed at all: an access that is meant for memory finds only real memory. */
export function isAllowed(region: MemoryRegion | undefined, { attributes }: Access): boolean {
  return !attributes.memory || (region?.isRam ?? false);
}

/**
 * Whether what `range` shows is read or written in place (QEMU: memory_access_is_direct).
 *
 * Unlike there it is the range that says whether memory is read-only, so that a read-only alias of writable memory
 * keeps its promise.
 */
export function isDirect(range: FlatRange, access: Access): boolean {
  const { kind } = range.region;
  const { isWrite, attributes } = access;
  if (kind === 'rom-device') return range.romd && (!isWrite || attributes.debug === true);
  return (kind === 'ram' || kind === 'rom') && isWritable(range, access);
}

/**
 * Whether what `range` shows is mapped device memory that takes the access, in exactly its width. Here too the range
 * says whether it is read-only; QEMU doesn't ask.
 */
export function isMappedDevice(range: FlatRange, access: Access): boolean {
  return range.region.kind === 'ram-device' && isWritable(range, access);
}

function isWritable(range: FlatRange, { isWrite, attributes }: Access): boolean {
  return !isWrite || !range.readonly || attributes.debug === true;
}
