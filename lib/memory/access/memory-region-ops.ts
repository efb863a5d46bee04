import { FlatviewError } from '../../errors.js';
import type { AccessWidth } from '../host-memory.js';
import type { Endianness, MemTxAttributes, MemTxFault } from './mem-tx.js';

/**
 * Which accesses a region takes at all; others are answered with a decode error.
 *
 * @example
 * ```ts
 * import {
 *   type ImplementedAccesses,
 *   MemoryTopology,
 *   MemTxResult,
 *   type ValidAccesses,
 * } from 'flatview';
 *
 * const sizes: number[] = [];
 * const read = (_offset: bigint, size: number): bigint => {
 *   sizes.push(size);
 *   return 0x1n;
 * };
 * const valid: ValidAccesses = { minSize: 4, maxSize: 8 };
 * const implementation: ImplementedAccesses = { minSize: 4, maxSize: 4 };
 * const topology = new MemoryTopology();
 * const hpet = topology.io('hpet', 0x400n, { read, valid, implementation });
 * const memory = topology.addressSpace('memory', hpet);
 * memory.read(0xf0n, 8).value; // => 0x1_0000_0001n
 * sizes; // => [4, 4]
 * memory.read(0xf0n, 2).result; // => MemTxResult.decodeError
 * topology.close();
 * ```
 */
export interface ValidAccesses {
  /** Smallest size in bytes: 1, 2, 4 or 8. Only looked at together with `maxSize`. Default: 1. */
  readonly minSize?: number;
  /** Largest size in bytes: 1, 2, 4 or 8. Default: any size is valid, and buffers are cut to 4 bytes. */
  readonly maxSize?: number;
  /** Whether the offset may be other than a multiple of the size. Default: false. */
  readonly unaligned?: boolean;
  /** Decides for each access, before the other rules. */
  accepts?(
    offset: bigint,
    size: AccessWidth,
    isWrite: boolean,
    attributes: MemTxAttributes,
  ): boolean;
}

/** Which accesses the callbacks know; valid ones of other sizes are split or widened. */
export interface ImplementedAccesses {
  /** Smallest size in bytes: 1, 2, 4 or 8. Default: 1. */
  readonly minSize?: number;
  /** Largest size in bytes: 1, 2, 4 or 8. Default: 4. */
  readonly maxSize?: number;
  /** Whether buffers may be cut at unaligned offsets. Needs `valid.unaligned`. Default: false. */
  readonly unaligned?: boolean;
}

/**
 * The callbacks of a region, and which accesses they take (QEMU: MemoryRegionOps).
 *
 * Offsets are within the region, sizes in bytes: 1, 2, 4 or 8. Values are unsigned and as wide as `size`; wider ones are cut.
 * A callback that throws is a bug of its author's: the exception reaches whoever made the access.
 */
export interface MemoryRegionOps {
  /** Without it, reads are answered with 0 and a decode error. */
  read?(
    offset: bigint,
    size: AccessWidth,
    attributes: MemTxAttributes,
  ): bigint | number | MemTxFault;
  /** Without it, writes are dropped with a decode error. */
  write?(
    offset: bigint,
    value: bigint,
    size: AccessWidth,
    attributes: MemTxAttributes,
  ): MemTxFault | undefined | void;
  /** The order of bytes in the device's registers. Default: `little`. */
  readonly endianness?: Endianness;
  /** Which accesses are answered. Default: aligned ones of any size. */
  readonly valid?: ValidAccesses;
  /** Which accesses the callbacks are asked for; others are split or widened. Default: of 1 to 4 bytes. */
  readonly implementation?: ImplementedAccesses;
  /**
   * Whether the region may be accessed while a callback of the same owner is running. Default: false: such an access,
   * which a guest can provoke by pointing a device's DMA at the device itself, is answered with an access error.
   */
  readonly reentrant?: boolean;
}

/**
 * Checks `ops` as far as their types don't.
 *
 * @param what Names the region in the message.
 * @throws `ERR_INVALID_ARGUMENT`
 */
export function checkMemoryRegionOps(ops: MemoryRegionOps, what: string): void {
  const { read, write, endianness = 'little', valid = {}, implementation = {} } = ops;
  for (const [name, callback] of Object.entries({ read, write, accepts: valid.accepts })) {
    if (callback === undefined || typeof callback === 'function') continue;
    throw invalid(what, `${name} is not a function`);
  }
  if (endianness !== 'little' && endianness !== 'big') {
    throw invalid(what, `endianness is ${String(endianness)}`);
  }
  checkSizes(valid, what, 'valid');
  checkSizes(implementation, what, 'implementation');
  if (implementation.unaligned && !valid.unaligned) {
    throw invalid(what, 'implementation.unaligned needs valid.unaligned');
  }
}

function checkSizes(
  { minSize, maxSize }: { readonly minSize?: number; readonly maxSize?: number },
  what: string,
  part: string,
): void {
  for (const size of [minSize, maxSize]) {
    if (size === undefined || size === 1 || size === 2 || size === 4 || size === 8) continue;
    throw invalid(what, `a size in ${part} is ${String(size)}: not 1, 2, 4 or 8`);
  }
  if (minSize !== undefined && maxSize !== undefined && minSize > maxSize) {
    throw invalid(what, `${part}.minSize ${minSize} is more than maxSize ${maxSize}`);
  }
}

function invalid(what: string, problem: string): FlatviewError {
  return new FlatviewError('ERR_INVALID_ARGUMENT', `ops of ${what}: ${problem}`);
}
