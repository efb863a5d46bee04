import type { HostFiles } from './host-files.js';

/** The entry of the auxiliary vector that has the size of a page (include/uapi/linux/auxvec.h). */
const atPageSize = 6n;

/**
 * The size of a page on the host, from the auxiliary vector that the kernel gave this process: pairs of 64-bit words.
 * Undefined where that isn't to be had.
 */
export function readPageSize(files: HostFiles): bigint | undefined {
  const name = '/proc/self/auxv';
  const vector = files.bytes(name);
  if (vector === undefined) return undefined;
  const view = new DataView(vector.buffer, vector.byteOffset, vector.byteLength);
  for (let at = 0; at + 16 <= view.byteLength; at += 16) {
    if (view.getBigUint64(at, true) !== atPageSize) continue;
    const size = view.getBigUint64(at + 8, true);
    if (isPageSize(size)) return size;
  }
  return files.complain(name, 'has no page size');
}

/** Whether Linux has pages of so many bytes: a power of two of 4 KiB to 1 MiB. */
export function isPageSize(size: bigint): boolean {
  return size >= 4096n && size <= 1n << 20n && (size & (size - 1n)) === 0n;
}
