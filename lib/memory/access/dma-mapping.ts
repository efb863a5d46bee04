import { type AddressLike, toSize } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { AddressSpace } from '../address-space.js';
import type { FlatView } from '../views/flat-view.js';
import { Access } from './access.js';
import { addressIn, noAttributes, readBytes, writeBytes } from './address-space-access.js';
import { type MemTxAttributes, MemTxResult } from './mem-tx.js';
import { type MemoryPart, markDirty, memoryOf, memoryPart } from './part.js';

/** How {@link AddressSpace.mapDma} maps. */
export interface DmaMapOptions {
  /** Whether the device writes the bytes; else it reads them. Never both. */
  readonly isWrite: boolean;
  /** Who accesses, as the callbacks are told where bytes have to be copied. Default: nothing is said. */
  readonly attributes?: MemTxAttributes;
}

/**
 * Bytes of an address space that a device has at hand until it calls {@link unmap}.
 *
 * @example
 * ```ts
 * import { type DmaMapOptions, type DmaMapping, MemoryTopology, MemTxResult } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.ram('pc.ram', 0x1_0000n));
 * const received: DmaMapOptions = { isWrite: true };
 * const mapping: DmaMapping | undefined = memory.mapDma(0x2000n, 4n, received);
 * mapping?.isBounce; // => false
 * mapping?.bytes.set([0xde, 0xad, 0xbe, 0xef]);
 * mapping?.unmap(); // => MemTxResult.ok
 * memory.read(0x2000n, 2).value; // => 0xadden
 * topology.close();
 * ```
 */
export class DmaMapping {
  /** The memory itself, or a bounce buffer. Can be less than was asked for. */
  readonly bytes: Uint8Array;
  /** Whether `bytes` is a copy. */
  readonly isBounce: boolean;
  /** What filling the bounce buffer came to. */
  readonly result: MemTxResult;
  #finish: ((accessLength: number) => MemTxResult) | undefined;

  /** @internal */
  constructor(
    bytes: Uint8Array,
    origin: { readonly isBounce: boolean; readonly result: MemTxResult },
    finish: (accessLength: number) => MemTxResult,
  ) {
    this.bytes = bytes;
    this.isBounce = origin.isBounce;
    this.result = origin.result;
    this.#finish = finish;
  }

  /**
   * Ends the mapping; `bytes` must not be used any more. What the device wrote is marked as dirty, and goes from a
   * bounce buffer to where it belongs.
   *
   * @param accessLength How many bytes the device wrote, from the first one on. Default: all.
   * @returns What writing a bounce buffer back came to.
   * @throws `ERR_ADDRESS_RANGE`: more than there are; `ERR_INVALID_ARGUMENT`: it was unmapped before.
   */
  unmap(accessLength: number = this.bytes.length): MemTxResult {
    const finish = this.#finish;
    if (finish === undefined) {
      throw new FlatviewError('ERR_INVALID_ARGUMENT', 'the DMA mapping was unmapped before');
    }
    if (!Number.isInteger(accessLength) || accessLength < 0 || accessLength > this.bytes.length) {
      const message = `length of a DMA access is ${accessLength}: not 0 to ${this.bytes.length}`;
      throw new FlatviewError('ERR_ADDRESS_RANGE', message);
    }
    this.#finish = undefined;
    return finish(accessLength);
  }
}

/** The most bytes that one array shows on every supported Node.js: 4 GiB. */
const maxLength = 2 ** 32;

/** @internal {@link AddressSpace.mapDma} */
export function mapDma(
  space: AddressSpace,
  address: AddressLike,
  length: AddressLike,
  { isWrite, attributes = noAttributes }: DmaMapOptions,
): DmaMapping | undefined {
  const first = addressIn(space, address);
  const wanted = toSize(length, 'length of a DMA mapping');
  const most = wanted < maxLength ? Number(wanted) : maxLength;
  const access = new Access(isWrite, attributes);
  const lent = space.borrowView();
  try {
    const part = memoryPart(lent.view, first, most, access);
    if (part === undefined) return mapBounce(space, first, most, access);
    return mapMemory(part, extended(lent.view, part, first, most, access), isWrite);
  } finally {
    space.idleViews.push(lent);
  }
}

/** How far the region of `part` goes on: ranges apart in the view can be neighbours in the region. */
function extended(
  view: FlatView,
  part: MemoryPart,
  address: bigint,
  most: number,
  access: Access,
): number {
  let { length } = part;
  while (length < most) {
    const next = memoryPart(
      view,
      BigInt.asUintN(64, address + BigInt(length)),
      most - length,
      access,
    );
    const continues = next?.region === part.region && next.offset === part.offset + BigInt(length);
    if (!continues) break;
    length += next.length;
  }
  return length;
}

function mapMemory(part: MemoryPart, length: number, isWrite: boolean): DmaMapping {
  const bytes = memoryOf(part.region).window(part.offset, length);
  return new DmaMapping(bytes, { isBounce: false, result: MemTxResult.ok }, (accessLength) => {
    // The log may have been switched on since.
    const mask = part.range.dirtyLogMask | part.region.watchedBy;
    if (isWrite) markDirty(part, accessLength, mask);
    return MemTxResult.ok;
  });
}

function mapBounce(
  space: AddressSpace,
  address: bigint,
  most: number,
  { isWrite, attributes }: Access,
): DmaMapping | undefined {
  const account = space.bounceBuffers;
  const length = account.take(most);
  if (length === 0 && most > 0) return undefined;
  try {
    const bytes = new Uint8Array(length);
    const result = isWrite ? MemTxResult.ok : readBytes(space, address, bytes, attributes);
    return new DmaMapping(bytes, { isBounce: true, result }, (accessLength) => {
      account.give(length);
      if (!isWrite) return MemTxResult.ok;
      return writeBytes(space, address, bytes.subarray(0, accessLength), attributes);
    });
  } catch (error) {
    account.give(length);
    throw error;
  }
}
