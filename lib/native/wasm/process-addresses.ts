import { roundUp } from '../../address.js';
import { partitionPoint } from '../../partition-point.js';

/** Addresses begin here, and are apart by this much at least: no range of one buffer touches another's. */
const unit = 0x1_0000n;

interface Placed {
  readonly base: bigint;
  readonly buffer: WeakRef<ArrayBufferLike>;
}

/**
 * Gives every ArrayBuffer that it is asked about an address, as if it lay in one process's memory: what a simulated
 * kernel is told, and finds bytes by. No address is given out twice.
 */
export class ProcessAddresses {
  #free = unit;
  /** By their addresses, ascending. */
  readonly #placed: Placed[] = [];
  readonly #bases = new WeakMap<ArrayBufferLike, bigint>();
  readonly #collected = new FinalizationRegistry<bigint>((base) => {
    const index = this.#lastUpTo(base);
    if (this.#placed[index]?.base === base) this.#placed.splice(index, 1);
  });

  /** Of the buffer's first byte. */
  of(buffer: ArrayBufferLike): bigint {
    const known = this.#bases.get(buffer);
    if (known !== undefined) return known;
    const base = this.#free;
    this.#free += roundUp(BigInt(buffer.byteLength), unit) + unit;
    this.#placed.push({ base, buffer: new WeakRef(buffer) });
    this.#bases.set(buffer, base);
    this.#collected.register(buffer, base);
    return base;
  }

  /** The bytes at an address; `undefined` unless all of them are one buffer's that is still there. */
  bytesAt(address: bigint, size: bigint): Uint8Array | undefined {
    const placed = this.#placed[this.#lastUpTo(address)];
    const buffer = placed?.buffer.deref();
    if (placed === undefined || buffer === undefined) return undefined;
    const offset = address - placed.base;
    if (offset + size > BigInt(buffer.byteLength)) return undefined;
    return new Uint8Array(buffer, Number(offset), Number(size));
  }

  /** The last that begins at `address` or below; -1 where none does. */
  #lastUpTo(address: bigint): number {
    const isUpTo = (place: number): boolean => (this.#placed[place]?.base ?? address) <= address;
    return partitionPoint(this.#placed.length, isUpTo) - 1;
  }
}
