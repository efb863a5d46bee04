import { FlatviewError } from '../../errors.js';

/** Bytes of bounce buffers that an address space has where nobody says otherwise (QEMU: one page). */
const defaultLimit = 4096;

/**
 * The account of an address space's bounce buffers: what stands in for memory where a device's DMA is mapped and there
 * is none. A guest decides where its devices' DMA goes, so there is a limit.
 *
 * @example
 * ```ts
 * import { type BounceBuffers, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.io('nic.regs', 0x1000n, {}));
 * const buffers: BounceBuffers = memory.bounceBuffers;
 * buffers.limit = 0x100;
 * const mapping = memory.mapDma(0x0n, 0x80n, { isWrite: false });
 * buffers.used; // => 0x80
 * mapping?.unmap();
 * buffers.used; // => 0
 * ```
 */
export class BounceBuffers {
  #limit = defaultLimit;
  #used = 0;
  readonly #waiting = new Set<{ readonly callback: () => void }>();

  /** How many bytes may be in use at the same time (QEMU: max_bounce_buffer_size). Default: 4096. */
  get limit(): number {
    return this.#limit;
  }

  /** @throws `ERR_INVALID_ARGUMENT` unless it is an integer of 0 to 2^53 - 1. */
  set limit(bytes: number) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      const message = `limit of bounce buffers is ${String(bytes)}: not a number of bytes`;
      throw new FlatviewError('ERR_INVALID_ARGUMENT', message);
    }
    this.#limit = bytes;
    this.#notify();
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /**
   * Calls `callback` once, when there is room again: soon if there is now, but not before this has returned. What it
   * is good for is trying again; somebody else may have been faster.
   *
   * @returns A function that takes it back.
   */
  onAvailable(callback: () => void): () => void {
    const waiter = { callback };
    this.#waiting.add(waiter);
    this.#notify();
    return () => {
      this.#waiting.delete(waiter);
    };
  }

  /** @internal Takes up to `wanted` bytes; returns how many, which may be 0. */
  take(wanted: number): number {
    const granted = Math.max(Math.min(wanted, this.#limit - this.#used), 0);
    this.#used += granted;
    return granted;
  }

  /** @internal Gives back what {@link take} granted. */
  give(bytes: number): void {
    this.#used -= bytes;
    this.#notify();
  }

  #notify(): void {
    if (this.#used >= this.#limit) return;
    for (const waiter of this.#waiting) {
      queueMicrotask(() => {
        if (this.#waiting.delete(waiter)) waiter.callback();
      });
    }
  }
}
