import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { allOnes } from '../../memory/access/byte-order.js';
import type { MemoryRegionOps } from '../../memory/access/memory-region-ops.js';
import type { AccessWidth, HostMemory } from '../../memory/host-memory.js';
import type { VfioDevice } from '../../vfio/vfio-interface.js';
import type { BarIndex, OffsetRange } from '../bars/bar.js';
import type { GuestMessages } from '../bus/guest-messages.js';

/**
 * How accesses that come to this process reach a region of a device.
 *
 * - `pread`: through the device's file. The kernel answers for a device that sleeps, and for bytes that can't be mapped.
 * - `mapping`: through the mapping, where there is one, in exactly the width of the access: without a system call, and eight bytes
 *   in one piece on every kernel. While the device doesn't decode memory, or sleeps, the file is asked; what doesn't answer in spite
 *   of that, since somebody sent the device there behind the guest's back, fails as it does there.
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

/** What a slow path is made for. */
export interface SlowPathOptions {
  readonly device: VfioDevice;
  readonly bar: BarIndex;
  /** Bytes that the device has there: behind them everything reads as ones, and the kernel isn't asked. */
  readonly size: bigint;
  /** Whether the device takes writes there: a ROM doesn't, and they come to nothing. */
  readonly canWrite: boolean;
  readonly kind: SlowPathKind;
  /** What is mapped of the region: ascending. */
  readonly mapped: readonly MappedAreas[];
  /** Whether the device decodes memory and is awake: else no access may use a mapping. */
  readonly isAwake: () => boolean;
  /** Hears of accesses that the device or the kernel refused: a guest can cause any number. */
  readonly messages: GuestMessages;
  /** Called after each access: a driver that comes here has served an INTx, so this is where it ends. */
  readonly onAccess?: (() => void) | undefined;
}

/**
 * The way to a BAR of a device for accesses that come to this process: from a guest, or from a quirk.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   AssignedPciDevice,
 *   type BarIndex,
 *   commandBit,
 *   configRegister,
 *   type SlowPathKind,
 * } from 'flatview/pci';
 * import { SimulatedVfio } from 'flatview/simulated';
 *
 * const card = { name: '0000:05:00.0', group: 5, cdev: 'vfio0', vendorId: 0x1b36, deviceId: 0x0007 };
 * const host = new SimulatedVfio({
 *   devices: [{ ...card, bars: [{ index: 0, kind: 'memory', size: 0x1000n }] }],
 * });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const slowPath: Partial<Record<BarIndex, SlowPathKind>> = { 0: 'mapping' };
 * const assigned = new AssignedPciDevice({ topology, device, pageSize: host.pageSize, slowPath });
 *
 * // As long as the device doesn't decode memory, the file is asked, and the kernel refuses.
 * const bar0 = assigned.bar(0)?.slowPath;
 * bar0?.read(0x0n, 4); // => 0xffff_ffffn
 * bar0?.failures; // => 1
 *
 * assigned.function.writeConfig(configRegister.command, 2, commandBit.memory);
 * bar0?.write(0x0n, 0x1234n, 4);
 * bar0?.read(0x0n, 4); // => 0x1234n
 * // By the mapping: the file was not needed.
 * host.device('0000:05:00.0').accesses; // => []
 * topology.close();
 * ```
 */
export class SlowPath {
  /** Names it in messages. */
  readonly name: string;
  /** Bytes that the device has there. */
  readonly size: bigint;
  /** How accesses reach the device. */
  readonly kind: SlowPathKind;
  readonly #options: SlowPathOptions;
  #failures = 0;

  constructor(options: SlowPathOptions) {
    this.name = `BAR ${options.bar} of ${options.device.name}`;
    this.size = options.size;
    this.kind = options.kind;
    this.#options = options;
  }

  /** The callbacks of the region that shows it. */
  get ops(): MemoryRegionOps {
    return {
      read: (offset, size) => this.read(offset, size),
      write: (offset, value, size) => this.write(offset, value, size),
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
    return value ?? allOnes(width);
  }

  /** Writes to the device; nothing happens where that fails. */
  write(offset: bigint, value: bigint, width: AccessWidth): void {
    this.#attempt(offset, width, true, ({ device, bar, canWrite }) => {
      if (!canWrite) return;
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
      this.#failures++;
      const what = (): string => `${isWrite ? 'a write of' : 'a read of'} ${width} bytes`;
      const text = () => `${this.name}: ${what()} at ${hex(offset)} failed: ${error.message}`;
      this.#options.messages.say(this, 'device-access-failed', text);
      return undefined;
    } finally {
      onAccess?.();
    }
  }

  #mappedAt(offset: bigint, width: AccessWidth): MappedAreas | undefined {
    if (this.kind === 'pread' || !this.#options.isAwake()) return undefined;
    const end = offset + BigInt(width);
    const holdsAccess = (area: OffsetRange): boolean =>
      offset >= area.offset && end <= area.offset + area.size;
    return this.#options.mapped.find(({ areas }) => areas.some(holdsAccess));
  }
}
