import { type AddressLike, hex, toSize } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { dirtyLogClients } from '../commit/region-state.js';
import { DirtyBitmap } from '../dirty/dirty-bitmap.js';
import { HostMemory } from '../host-memory.js';
import { MemoryRegion, type RegionOptions, type RegionOrigin } from './memory-region.js';
import type { RamDiscardManager } from './ram-discard-manager.js';

/** What a region that has memory can be given when it is made. */
export interface RamOptions extends RegionOptions {
  /**
   * The caller's memory, instead of new memory: at least as large as the region. The caller closes a
   * {@link HostMemory} that it passes; bytes are kept alive by the region.
   */
  readonly memory?: HostMemory | Uint8Array;
  /**
   * `anonymous`: memory of this process, committed page by page when it is touched. `none`: no memory at all, for
   * trees that are only looked at, such as those read from dumps. Default: `anonymous`.
   */
  readonly backing?: 'anonymous' | 'none';
  /** Whether the memory is a memfd, which other processes can map. Default: false. */
  readonly shared?: boolean;
  /** Size in bytes of the huge pages to take the memory from. Default: normal pages. */
  readonly hugePageSize?: AddressLike;
  /** Whether the region's pages are watched while all memory is (for migration). Default: true. */
  readonly migratable?: boolean;
}

/**
 * Memory: ram, rom, or the mapped memory of a device.
 *
 * @example
 * ```ts native
 * import { MemoryTopology, type RamOptions } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const options: RamOptions = { shared: true };
 * const ram = topology.ram('pc.ram', 0x20_0000n, options);
 * ram.memory?.store(0x1000n, 4, 0x1234_5678n);
 *
 * const memory = topology.addressSpace('memory', ram);
 * memory.read(0x1000n, 2).value; // => 0x5678n
 * topology.close();
 * ```
 */
export class RamRegion extends MemoryRegion {
  /** The memory; `undefined` for a region made without. */
  readonly memory: HostMemory | undefined;
  /** Says which parts of the memory are there, where that is not all; set by the manager. */
  discardManager: RamDiscardManager | undefined;
  readonly #ownsMemory: boolean;
  readonly #migratable: boolean;
  #dirtyPages: DirtyBitmap | undefined;

  /** @internal */
  constructor(origin: RegionOrigin, options: RamOptions) {
    super(origin);
    this.#migratable = options.migratable ?? true;
    this.#ownsMemory = !(options.memory instanceof HostMemory);
    this.memory = memoryFor(origin, options);
    this.#assertHolds(origin.size);
  }

  /** As of every region; at most as large as the memory. */
  override get size(): bigint {
    return super.size;
  }

  /** @throws `ERR_ADDRESS_RANGE`: the memory is smaller. */
  override set size(value: AddressLike) {
    this.#assertHolds(toSize(value, `size of ${this.label}`));
    super.size = value;
  }

  override get isMigratable(): boolean {
    return this.#migratable;
  }

  /** @internal Who watches it now, as bits of `dirtyLogClients`: its own clients, and migration while all memory is watched. */
  get watchedBy(): number {
    const { migration } = dirtyLogClients;
    return this.dirtyLogMask | (this.topology.isDirtyLogOn && this.isMigratable ? migration : 0);
  }

  /** Which pages were written, for each client of the dirty log. */
  get dirtyPages(): DirtyBitmap {
    this.#dirtyPages ??= new DirtyBitmap();
    return this.#dirtyPages;
  }

  /** So that an access within the region is within the memory, whatever a guest does. */
  #assertHolds(size: bigint): void {
    if (this.memory === undefined || size <= this.memory.size) return;
    throw new FlatviewError(
      'ERR_ADDRESS_RANGE',
      `${this.label}: its memory has ${hex(this.memory.size)} bytes, not ${hex(size)}`,
    );
  }

  /** @internal Gives back memory that was made for this region. */
  releaseMemory(): void {
    if (this.#ownsMemory) this.memory?.close();
  }
}

function memoryFor({ name, size }: RegionOrigin, options: RamOptions): HostMemory | undefined {
  const { memory, backing, shared, hugePageSize } = options;
  if (memory instanceof HostMemory) return memory;
  if (memory !== undefined) return HostMemory.over(memory, name);
  if (backing === 'none') return undefined;
  return HostMemory.allocate(size, {
    name,
    ...(shared === undefined ? {} : { shared }),
    ...(hugePageSize === undefined ? {} : { hugePageSize: BigInt(hugePageSize) }),
  });
}
