import { FlatviewError } from '../../errors.js';
import type { HostMemory } from '../host-memory.js';
import type { RamRegion } from '../regions/ram-region.js';
import type { FlatRange, FlatView } from '../views/flat-view.js';
import type { Access } from './access.js';
import { accessSize, powerOfTwoUpTo } from './access-splitting.js';
import {
  type DeviceRegion,
  hasBytes,
  isAllowed,
  isCutAtEdges,
  isDeviceRegion,
  isDirect,
  isMappedDevice,
} from './answering-regions.js';
import { allOnes, hostEndianness, littleEndian } from './byte-order.js';
import { readDevice, writeDevice } from './device-access.js';
import type { MemoryRegionOps } from './memory-region-ops.js';
import { locate, type Place } from './place.js';

/** Some bytes of a region; of an address space where no region answers. */
interface Stretch {
  readonly offset: bigint;
  readonly length: number;
}

/** The part of an access that is read or written in place; as much as there is. */
export interface MemoryPart extends Stretch {
  readonly answerer: 'memory';
  readonly region: RamRegion;
  readonly range: FlatRange;
}

/**
 * A part of an access that is answered in one go: by memory, by the mapped memory of a device in exactly this width,
 * by callbacks, or by nobody. What nobody answers has been rejected.
 */
export type Part =
  | MemoryPart
  | (Stretch & { readonly answerer: 'mapped-device'; readonly region: RamRegion })
  | (Stretch & { readonly answerer: 'callbacks'; readonly region: DeviceRegion })
  | (Stretch & { readonly answerer: 'nobody' });

/**
 * How mapped device memory takes accesses: in any of the processor's widths, and unaligned where the processor can do
 * that to a device; others than x86 fault.
 */
const mappedDeviceOps: MemoryRegionOps = {
  valid: { minSize: 1, maxSize: 8, unaligned: true },
  implementation: { minSize: 1, maxSize: 8, unaligned: process.arch === 'x64' },
};

/**
 * The first part of an access to `rest` bytes at `address` (one turn of QEMU's flatview_read_continue). What nobody
 * answers is rejected here.
 *
 * Memory is cut at the end of its range, and so is what nobody answers. An access to callbacks is not: it belongs to
 * the region where it starts, whatever follows, unless the region was made to end accesses.
 */
export function nextPart(view: FlatView, address: bigint, rest: number, access: Access): Part {
  const place = locate(view, address, access);
  const part = answeredPart(place, rest, access);
  if (part !== undefined) return part;
  const { range, offset } = place;
  const length = atMost(rest, place.extent);
  const reason = isAllowed(range?.region, access) ? 'unassigned' : 'not-memory';
  access.reject(reason, range?.region, offset, length);
  return { answerer: 'nobody', offset, length };
}

/** The first part of an access, if it can be made in place. */
export function memoryPart(
  view: FlatView,
  address: bigint,
  rest: number,
  access: Access,
): MemoryPart | undefined {
  const part = answeredPart(locate(view, address, access), rest, access);
  return part?.answerer === 'memory' ? part : undefined;
}

function answeredPart(
  { range, offset, extent, reach }: Place,
  rest: number,
  access: Access,
): Part | undefined {
  if (range === undefined || !isAllowed(range.region, access)) return undefined;
  const { region } = range;
  const within = atMost(rest, extent);
  if (hasBytes(region) && isDirect(range, access)) {
    return { answerer: 'memory', region, range, offset, length: within };
  }
  if (hasBytes(region) && isMappedDevice(range, access)) {
    const length = accessSize(mappedDeviceOps, within, offset);
    return { answerer: 'mapped-device', region, offset, length };
  }
  if (isDeviceRegion(region)) {
    const most = isCutAtEdges(region) ? within : atMost(rest, reach);
    const length = accessSize(region.ops, most, offset);
    return { answerer: 'callbacks', region, offset, length };
  }
  return undefined;
}

/** How many bytes of `part` make one value: memory has more than one machine access takes. */
export function valueSize({ answerer, length }: Part): number {
  return answerer === 'memory' ? powerOfTwoUpTo(length) : length;
}

/**
 * Reads the first {@link valueSize} bytes of `part` as a little-endian value: all ones where memory doesn't answer, as
 * from a bus.
 */
export function readValue(part: Part, access: Access): bigint {
  switch (part.answerer) {
    case 'memory':
    case 'mapped-device': {
      const width = powerOfTwoUpTo(part.length);
      const value = memoryOf(part.region).tryLoad(part.offset, width);
      if (value !== undefined) return littleEndian(value, width, hostEndianness);
      access.reject('bus-error', part.region, part.offset, width);
      return allOnes(width);
    }
    case 'callbacks':
      return readDevice(access, part.region, part.offset, powerOfTwoUpTo(part.length));
    case 'nobody':
      return 0n;
  }
}

/** Writes the first {@link valueSize} bytes of `part`. `value` is little-endian and not wider than that. */
export function writeValue(part: Part, value: bigint, access: Access): void {
  switch (part.answerer) {
    case 'memory':
    case 'mapped-device': {
      const width = powerOfTwoUpTo(part.length);
      const hostValue = littleEndian(value, width, hostEndianness);
      const taken = memoryOf(part.region).tryStore(part.offset, width, hostValue);
      if (!taken) access.reject('bus-error', part.region, part.offset, width);
      else if (part.answerer === 'memory') markDirty(part, width, part.range.dirtyLogMask);
      return;
    }
    case 'callbacks':
      writeDevice(access, part.region, part.offset, powerOfTwoUpTo(part.length), value);
      return;
    case 'nobody':
  }
}

/**
 * The memory of `region`.
 *
 * @throws `ERR_NO_HOST_MEMORY`: it was made without.
 */
export function memoryOf(region: RamRegion): HostMemory {
  if (region.memory !== undefined) return region.memory;
  throw new FlatviewError('ERR_NO_HOST_MEMORY', `${region.label} was made without memory`);
}

/** Tells the clients of the dirty log in `mask` that `length` bytes from the start of `part` on were written. */
export function markDirty({ region, offset }: MemoryPart, length: number, mask: number): void {
  if (mask !== 0 && length !== 0) region.dirtyPages.set(offset, BigInt(length), mask);
}

/** Reads what `part`, memory, shows: all ones where it doesn't answer. */
export function copyOut({ region, offset }: MemoryPart, into: Uint8Array, access: Access): void {
  if (memoryOf(region).tryCopyOut(offset, into)) return;
  access.reject('bus-error', region, offset, into.length);
  into.fill(0xff);
}

/** Writes `from` to `part`, memory. Where it doesn't answer, some of the bytes may have been written. */
export function copyIn(part: MemoryPart, from: Uint8Array, access: Access): void {
  const { region, offset, range } = part;
  const taken = memoryOf(region).tryCopyIn(offset, from);
  if (!taken) access.reject('bus-error', region, offset, from.length);
  markDirty(part, from.length, range.dirtyLogMask);
}

function atMost(rest: number, extent: bigint): number {
  return extent < rest ? Number(extent) : rest;
}
