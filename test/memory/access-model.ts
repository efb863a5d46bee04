// What QEMU's rules say about an access to a device, worked out byte by byte: an oracle for the access layer that
// shares nothing with it. Values are arrays of bytes, least significant first; there is no shifting.

import type { AccessWidth, Endianness, MemoryRegionOps } from '../../lib/index.js';

export type Kind = 'read' | 'write';

/** How a call of a callback is written down; `bytes` are what was written, least significant first. */
export function callLine(
  kind: Kind,
  offset: number,
  size: number,
  bytes: readonly number[] = [],
): string {
  return `${kind} ${offset}+${size} ${bytes.join(',')}`;
}

export interface ModelOutcome {
  readonly calls: readonly string[];
  /** What was read: as bytes in memory order. Of a write empty. */
  readonly bytes: readonly number[];
  readonly isRejected: boolean;
}

/** What the device answers when `size` bytes at `offset` are read: bytes, least significant first. */
export function deviceBytes(offset: number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => (offset * 29 + size * 83 + i * 57 + 1) & 0xff);
}

/** An access of `bytes.length` bytes, which are in memory order. What they are doesn't matter for a read. */
export function modelAccess(
  ops: MemoryRegionOps,
  kind: Kind,
  offset: number,
  bytes: readonly number[],
): ModelOutcome {
  const calls: string[] = [];
  const result: number[] = [];
  let isRejected = false;
  for (let done = 0; done < bytes.length; ) {
    const at = offset + done;
    const size = sizeAtOnce(ops, bytes.length - done, at);
    if (!isValid(ops, kind, at, size)) {
      isRejected = true;
      result.push(...Array.from({ length: size }, () => 0));
    } else if (kind === 'read') {
      result.push(...readOnce(ops, at, size, calls));
    } else {
      writeOnce(ops, at, bytes.slice(done, done + size), calls);
    }
    done += size;
  }
  return { calls, bytes: kind === 'read' ? result : [], isRejected };
}

/** Layer (a): how much of a buffer goes to the device in one access. */
function sizeAtOnce(ops: MemoryRegionOps, rest: number, offset: number): number {
  const allowed = ops.valid?.maxSize ?? 4;
  const sizes = [8, 4, 2, 1].filter(
    (size) =>
      size <= rest &&
      size <= allowed &&
      (ops.implementation?.unaligned === true || offset % size === 0),
  );
  return sizes[0] ?? 1;
}

/** Layer (b): whether the device takes the access. */
function isValid(ops: MemoryRegionOps, kind: Kind, offset: number, size: number): boolean {
  const { minSize = 1, maxSize, unaligned, accepts } = ops.valid ?? {};
  if (accepts && !accepts(BigInt(offset), size as AccessWidth, kind === 'write', {})) return false;
  if (!unaligned && offset % size !== 0) return false;
  return maxSize === undefined || (size >= minSize && size <= maxSize);
}

/** The pieces of an access: where each starts, and its size. */
function piecesOf(ops: MemoryRegionOps, size: number): { piece: number; starts: number[] } {
  const { minSize = 1, maxSize = 4 } = ops.implementation ?? {};
  let piece = size;
  if (piece > maxSize) piece = maxSize;
  if (piece < minSize) piece = minSize;
  const starts: number[] = [];
  for (let start = 0; start < size; start += piece) starts.push(start);
  return { piece, starts };
}

/**
 * Which byte of a piece, counted in significance, is byte `significance` of the access. On a little-endian device the
 * first piece has the least significant bytes, on a big-endian one the most significant.
 */
function indexInPiece(
  endianness: Endianness,
  size: number,
  piece: number,
  start: number,
  significance: number,
): number {
  const leastOfPiece = endianness === 'little' ? start : size - (start + piece);
  return significance - leastOfPiece;
}

function readOnce(ops: MemoryRegionOps, offset: number, size: number, calls: string[]): number[] {
  const endianness = ops.endianness ?? 'little';
  const value = Array.from({ length: size }, () => 0);
  const { piece, starts } = piecesOf(ops, size);
  for (const start of starts) {
    calls.push(callLine('read', offset + start, piece));
    const answer = deviceBytes(offset + start, piece);
    for (let s = 0; s < size; s++) {
      const byte = answer[indexInPiece(endianness, size, piece, start, s)] ?? 0;
      value[s] = (value[s] ?? 0) | byte;
    }
  }
  return endianness === 'little' ? value : value.reverse();
}

function writeOnce(
  ops: MemoryRegionOps,
  offset: number,
  memory: readonly number[],
  calls: string[],
): void {
  const endianness = ops.endianness ?? 'little';
  const size = memory.length;
  const value = endianness === 'little' ? [...memory] : [...memory].reverse();
  const { piece, starts } = piecesOf(ops, size);
  for (const start of starts) {
    const bytes = Array.from({ length: piece }, () => 0);
    for (let s = 0; s < size; s++) {
      const index = indexInPiece(endianness, size, piece, start, s);
      if (index >= 0 && index < piece) bytes[index] = value[s] ?? 0;
    }
    calls.push(callLine('write', offset + start, piece, bytes));
  }
}

/** The value of `bytes` that are in memory order. */
export function toValue(bytes: readonly number[], endianness: Endianness): bigint {
  const first = endianness === 'big' ? [...bytes] : [...bytes].reverse();
  return BigInt(`0x${first.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`);
}

/** The bytes of `value`, least significant first. */
export function toBytes(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}
