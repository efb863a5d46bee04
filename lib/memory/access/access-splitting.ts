import type { AccessWidth } from '../host-memory.js';
import type { MemoryRegionOps } from './memory-region-ops.js';

/** Sizes of accesses where a region's `ops` say nothing else. */
const defaultMinSize = 1;
const defaultMaxSize = 4;

/**
 * How many of `length` bytes at `offset` one access takes (QEMU: memory_access_size): a power of two, at most what is
 * valid, and aligned unless the callbacks can do without.
 *
 * @param length At least 1.
 */
export function accessSize(ops: MemoryRegionOps, length: number, offset: bigint): number {
  const max = Math.min(length, ops.valid?.maxSize ?? defaultMaxSize);
  const limit = ops.implementation?.unaligned ? max : Math.min(max, alignmentOf(offset));
  return powerOfTwoUpTo(limit);
}

/** The size of each call of a callback that together make an access of `size` bytes; can be more than `size`. */
export function pieceSize(
  { implementation = {} }: MemoryRegionOps,
  size: AccessWidth,
): AccessWidth {
  const { minSize = defaultMinSize, maxSize = defaultMaxSize } = implementation;
  return powerOfTwoUpTo(Math.max(Math.min(size, maxSize), minSize));
}

/**
 * By how many bits the value of a piece is shifted to its place in the value of the access, which is in the device's
 * byte order. Negative where a piece is wider than the access: then the device has more significant bytes in front.
 *
 * @param at Offset of the piece in the access, in bytes.
 */
export function pieceShift(
  { endianness }: MemoryRegionOps,
  size: number,
  piece: number,
  at: number,
): number {
  return 8 * (endianness === 'big' ? size - piece - at : at);
}

/** The largest of 1, 2, 4 and 8 that is not larger than `limit`. */
export function powerOfTwoUpTo(limit: number): AccessWidth {
  return limit >= 8 ? 8 : limit >= 4 ? 4 : limit >= 2 ? 2 : 1;
}

/** The largest of 1, 2, 4 and 8 that divides `offset`. */
function alignmentOf(offset: bigint): number {
  const low = Number(offset & 7n);
  return low === 0 ? 8 : low & -low;
}
