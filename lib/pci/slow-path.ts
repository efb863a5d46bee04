import { channel } from 'node:diagnostics_channel';
import { FlatviewError } from '../errors.js';
import type { MemoryRegionOps } from '../memory/access/memory-region-ops.js';
import type { AccessWidth, HostMemory } from '../memory/host-memory.js';
import type { VfioDevice } from '../vfio/vfio-interface.js';
import type { BarIndex, OffsetRange } from './bar.js';

/**
 * How accesses that come to this process reach a region of a device.
 *
 * - `pread`: through the device's file. The kernel answers for a device that sleeps, and for bytes that can't be mapped.
 * - `mapping`: through the mapping, where there is one, in exactly the width of the access: without a system call, and eight bytes
 *   in one piece on every kernel. An access while the device doesn't decode memory, or sleeps, ends this process (SIGBUS), so
 *   the embedder must know that nobody but the guest sends it there.
 */
export type SlowPathKind = 'pread' | 'mapping';

/** Areas of a region that are mapped into this process, together. */
export interface MappedAreas {
  /** The whole pages that hold them: what the memory shows. */
  readonly pages: OffsetRange;
  /** Ascending. What lies between them in these pages isn't theirs. */
  readonly areas: readonly OffsetRange[];
  readonly memory: HostMemory;
}

/** An access that the device or the kernel refused. */
export interface FailedDeviceAccess {
  readonly device: string;
  readonly bar: BarIndex;
  readonly offset: bigint;
  readonly size: number;
  readonly isWrite: boolean;
  readonly error: FlatviewError;
  /** How many accesses to this BAR have failed, with this one. */
  readonly count: number;
}

/**
 * Publishes each {@link FailedDeviceAccess} whose count is a power of two on the diagnostics channel `flatview:failed-device-access`:
 * a guest can cause any number, and what is said of them grows with its logarithm.
 */
const failedAccesses = channel('flatview:failed-device-access');

/** What a slow path is made for. */
export interface SlowPathOptions {
  readonly device: VfioDevice;
  readonly bar: BarIndex;
  /** Bytes that the device has there: behind them everything reads as ones, and the kernel isn't asked. */
  readonly size: bigint;
  readonly kind: SlowPathKind;
  /** What is mapped of the region: ascending. */
  readonly mapped: readonly MappedAreas[];
  /** Called after each access: a driver that comes here has served an INTx, so this is where it ends. */
  readonly onAccess?: (() => void) | undefined;
}

/** The way to a BAR of a device for accesses that come to this process: from a guest, or from a quirk. */
export class SlowPath {
  readonly kind: SlowPathKind;
  readonly #options: SlowPathOptions;
  #failures = 0;

  constructor(options: SlowPathOptions) {
    this.kind = options.kind;
    this.#options = options;
  }

  /** The callbacks of the region that shows it. */
  get ops(): MemoryRegionOps {
    return {
      read: (offset, size) => this.read(offset, size as AccessWidth),
      write: (offset, value, size) => this.write(offset, value, size as AccessWidth),
      valid: { minSize: 1, maxSize: 8 },
      implementation: { minSize: 1, maxSize: 8 },
    };
  }

  /** How many accesses the device or the kernel refused. */
  get failures(): number {
    return this.#failures;
  }

  /** Reads from the device; all ones where that fails, as from a bus on which nobody answers. */
  read(offset: bigint, width: AccessWidth): bigint {
    const value = this.#attempt(offset, width, false, ({ device, bar }) => {
      const found = this.#mappedAt(offset, width);
      if (found === undefined) return device.read(bar, offset, width);
      return found.memory.load(offset - found.pages.offset, width);
    });
    return value ?? (1n << BigInt(8 * width)) - 1n;
  }

  /** Writes to the device; nothing happens where that fails. */
  write(offset: bigint, value: bigint, width: AccessWidth): void {
    this.#attempt(offset, width, true, ({ device, bar }) => {
      const found = this.#mappedAt(offset, width);
      if (found === undefined) device.write(bar, offset, value, width);
      else found.memory.store(offset - found.pages.offset, width, value);
    });
  }

  #attempt<T>(
    offset: bigint,
    width: AccessWidth,
    isWrite: boolean,
    body: (options: SlowPathOptions) => T,
  ): T | undefined {
    const { size, onAccess } = this.#options;
    try {
      return offset + BigInt(width) > size ? undefined : body(this.#options);
    } catch (error) {
      if (!(error instanceof FlatviewError)) throw error;
      this.#count({ offset, size: width, isWrite, error });
      return undefined;
    } finally {
      onAccess?.();
    }
  }

  #mappedAt(offset: bigint, width: AccessWidth): MappedAreas | undefined {
    if (this.kind === 'pread') return undefined;
    const end = offset + BigInt(width);
    const holdsAccess = (area: OffsetRange): boolean =>
      offset >= area.offset && end <= area.offset + area.size;
    return this.#options.mapped.find(({ areas }) => areas.some(holdsAccess));
  }

  #count(failed: Pick<FailedDeviceAccess, 'offset' | 'size' | 'isWrite' | 'error'>): void {
    const count = ++this.#failures;
    if (!Number.isInteger(Math.log2(count)) || !failedAccesses.hasSubscribers) return;
    const { device, bar } = this.#options;
    const message: FailedDeviceAccess = { device: device.name, bar, ...failed, count };
    failedAccesses.publish(message);
  }
}
