import { type AddressLike, toAddress } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { addon, exchange } from '../../native/addon.js';
import { rangeLayout } from '../../native/engine-addon.js';
import { answerLayout, lookupOutcome } from '../../native/reader-addon.js';
import type { RegionKind } from '../commit/region-state.js';
import { decodeRange, type FlatRange } from './flat-view.js';

/**
 * Stands for an address space on other threads of this process: made by `AddressSpace.share`, posted to a worker (or
 * given to it as `workerData`), and read there by a {@link FlatViewReader}. Plain data, which survives being copied.
 */
export interface SharedAddressSpace {
  /** The name of the address space. */
  readonly name: string;
  /** By which this process finds it. Means nothing in another one. */
  readonly token: bigint;
}

/** A region as other threads know it: the same object as long as it is the same region. Immutable. */
export interface RegionInfo {
  /** The number of the region, as its `id` says. Used again for another region some time after it is destroyed. */
  readonly id: number;
  /** What kind of region it is. */
  readonly kind: RegionKind;
  /** Its name. */
  readonly name: string;
}

/**
 * Looks addresses up on one thread while another one changes the tree: in a worker, say, that handles the exits of a
 * virtual processor. Every lookup is made in the newest published view, without a lock, and without the thread that
 * owns the topology taking part. What it finds is plain data; `region.name` and `region.id` say where to go from there.
 *
 * A reader holds on to the view that it saw last. One that won't look again for long had better {@link rest}.
 *
 * @example
 * ```ts native
 * import { FlatViewReader, MemoryTopology, type RegionInfo, type SharedAddressSpace } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const bar = topology.reservation('bar0', 0x1000n);
 * system.addSubregion(0xfebf_0000n, bar);
 *
 * const shared: SharedAddressSpace = topology.addressSpace('memory', system).share();
 * using reader = new FlatViewReader(shared); // In a worker, which was sent `shared`.
 * bar.address = 0xfebf_1000n;
 * const region: RegionInfo | undefined = reader.lookup(0xfebf_1000n)?.region;
 * [region?.id === bar.id, region?.name]; // => [true, 'bar0']
 * ```
 */
export class FlatViewReader {
  /** The name of the address space. */
  readonly name: string;
  readonly #handle: number;
  #isClosed = false;
  #generation = 0;
  #recent: FlatRange<RegionInfo> | undefined;
  /** Regions seen so far, by id, and which names they have. */
  #regions: RegionInfo[] = [];
  #names = 0n;

  /**
   * @param shared What `AddressSpace.share` returned, on this or another thread of this process.
   * @throws `ERR_INVALID_ARGUMENT`: it is no such thing; `ERR_NOT_SHARED`: it is of no address space that this process
   *   has, or has any longer.
   */
  constructor(shared: SharedAddressSpace) {
    const { name, token } = checked(shared);
    this.name = name;
    this.#handle = addon.readerOpen(token);
    if (this.#handle === 0) {
      throw new FlatviewError(
        'ERR_NOT_SHARED',
        `${this.#label} is not shared by a topology of this process, or is gone`,
      );
    }
    abandoned.register(this, this.#handle, this);
  }

  /**
   * The range that holds `address` in the newest view; `undefined` where nothing answers. The same object as before
   * where nothing has changed.
   *
   * @throws `ERR_ADDRESS_RANGE`; `ERR_READER_CLOSED`; `ERR_ADDRESS_SPACE_DESTROYED`, `ERR_TOPOLOGY_CLOSED`: there is
   *   nothing to see any more, so close the reader.
   */
  lookup(address: AddressLike): FlatRange<RegionInfo> | undefined {
    if (this.#isClosed) throw this.#failure('ERR_READER_CLOSED', 'the reader was closed');
    exchange.words[0] = toAddress(address, 'address');
    switch (addon.readerLookup(this.#handle)) {
      case lookupOutcome.same:
        return this.#recent;
      case lookupOutcome.found:
        this.#generation = Number(exchange.words[answerLayout.generation]);
        this.#recent = this.#decode();
        return this.#recent;
      case lookupOutcome.nothing:
        this.#generation = Number(exchange.words[answerLayout.generation]);
        return undefined;
      case lookupOutcome.addressSpaceRemoved:
        throw this.#failure('ERR_ADDRESS_SPACE_DESTROYED', 'it was destroyed');
      case lookupOutcome.engineDestroyed:
        throw this.#failure('ERR_TOPOLOGY_CLOSED', 'its topology was closed');
    }
  }

  /**
   * Of the view that the last lookup was made in: the number of the commit that made it, counted by its topology. It
   * never falls; what two lookups found is of the same time if it is the same. 0 before the first.
   */
  get generation(): number {
    return this.#generation;
  }

  /** Lets go of the view, so that its memory can be freed. The next lookup finds the newest, as ever. */
  rest(): void {
    if (!this.#isClosed) addon.readerLeave(this.#handle);
  }

  /** Ends the reader. Closing twice does nothing; the end of a worker closes its readers. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    abandoned.unregister(this);
    addon.readerClose(this.#handle);
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #decode(): FlatRange<RegionInfo> {
    const names = exchange.words[answerLayout.names] ?? 0n;
    if (names !== this.#names) {
      this.#names = names;
      this.#regions = [];
    }
    const id = exchange.halves[rangeLayout.region] ?? 0;
    this.#regions[id] ??= Object.freeze({
      id,
      kind: addon.readerRegionKind(this.#handle) as RegionKind,
      name: addon.readerRegionName(this.#handle),
    });
    return decodeRange(0, this.#regions);
  }

  get #label(): string {
    return `address space "${this.name}"`;
  }

  #failure(
    code: 'ERR_READER_CLOSED' | 'ERR_ADDRESS_SPACE_DESTROYED' | 'ERR_TOPOLOGY_CLOSED',
    what: string,
  ): FlatviewError {
    return new FlatviewError(code, `${this.#label} can't be read: ${what}`);
  }
}

/** Closes readers that were collected without being closed. */
const abandoned: FinalizationRegistry<number> = new FinalizationRegistry((handle) =>
  addon.readerClose(handle),
);

/** What TypeScript promises, but a message from another thread doesn't. */
function checked(shared: unknown): SharedAddressSpace {
  if (typeof shared === 'object' && shared !== null && 'name' in shared && 'token' in shared) {
    const { name, token } = shared;
    const isToken = typeof token === 'bigint' && BigInt.asUintN(64, token) === token;
    if (typeof name === 'string' && isToken) return { name, token };
  }
  throw new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    'a reader is made from what AddressSpace.share returned, and nothing else',
  );
}
