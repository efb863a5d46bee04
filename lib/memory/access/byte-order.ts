import { endianness } from 'node:os';
import type { Endianness } from './mem-tx.js';

/** The byte order of this machine. */
export const hostEndianness: Endianness = endianness() === 'LE' ? 'little' : 'big';

/** `value`, `size` bytes wide, with its bytes in the opposite order. */
export function swapBytes(value: bigint, size: number): bigint {
  let rest = value;
  let swapped = 0n;
  for (let i = 0; i < size; i++) {
    swapped = (swapped << 8n) | (rest & 0xffn);
    rest >>= 8n;
  }
  return swapped;
}

/** `value`, read in one byte order, as it reads in the little-endian one; and the other way round. */
export function littleEndian(value: bigint, size: number, order: Endianness): bigint {
  return order === 'little' ? value : swapBytes(value, size);
}

/** What `size` bytes read as on a bus on which nobody answers. */
export function allOnes(size: number): bigint {
  return (1n << BigInt(8 * size)) - 1n;
}

/** Shifts to the right where `bits` is negative. */
export function shiftLeft(value: bigint, bits: number): bigint {
  if (bits === 0) return value;
  return bits > 0 ? value << BigInt(bits) : value >> BigInt(-bits);
}

/** Puts the bytes of `value` into all of `bytes`, least significant first. */
export function putLittleEndian(bytes: Uint8Array, value: bigint): void {
  let rest = value;
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

/** The value of `bytes`, least significant first. */
export function getLittleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}
