import type { AddressLike } from '../address.js';
import { FlatviewError } from '../errors.js';
import * as access from './access/address-space-access.js';
import { BounceBuffers } from './access/bounce-buffers.js';
import { type DmaMapOptions, type DmaMapping, mapDma } from './access/dma-mapping.js';
import type { Endianness, MemTxAttributes, MemTxResult } from './access/mem-tx.js';
import type { DatedView } from './commit/engine.js';
import { effects } from './commit/transaction.js';
import { type Explanation, explain } from './explain/explain.js';
import type { MemoryListener } from './listeners/memory-listener.js';
import type { MemoryRegion } from './regions/memory-region.js';
import type { MemoryTopology } from './topology.js';
import type { FlatView } from './views/flat-view.js';
import type { SharedAddressSpace } from './views/flat-view-reader.js';
import { MemoryRegionSection } from './views/section.js';

/** @internal Whether an address space exists: not before its creation is in effect, nor after its destruction. */
export type AddressSpaceState = 'live' | 'gone';

/**
 * What a processor or a device sees: the flat view of a tree. Made by {@link MemoryTopology.addressSpace}.
 *
 * @example
 * ```ts
 * import { type AddressSpace, MemoryTopology, MemTxResult } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const ram = topology.ram('pc.ram', 0x1000n);
 * const memory: AddressSpace = topology.addressSpace('memory', ram);
 * memory.write(0x10n, 4, 0x1234_5678n); // => MemTxResult.ok
 * memory.read(0x10n, 2); // => { value: 0x5678n, result: MemTxResult.ok }
 * memory.read(0x1000n, 1).result; // => MemTxResult.decodeError
 * memory.lookup(0x1000n); // => undefined
 * topology.close();
 * ```
 */
export class AddressSpace {
  /** The topology that it shows regions of. */
  readonly topology: MemoryTopology;
  /** What messages and dumps call it; need not be unique. */
  readonly name: string;
  /** The region whose tree shows here, from the region's own address on. */
  readonly root: MemoryRegion;
  /** @internal Number of this address space in the engine; used again after it is gone. */
  readonly id: number;
  /** @internal Place in the order of creation. */
  readonly sequence: number;
  /** @internal */
  state: AddressSpaceState = 'gone';
  /** @internal What {@link share} returned. */
  shared: SharedAddressSpace | undefined;
  /** @internal What showed here when the engine was asked last. */
  recentView: DatedView | undefined;
  /** @internal The views that accesses were made in, for the next ones: as many as were under way at the same time. */
  readonly idleViews: DatedView[] = [];
  #bounceBuffers: BounceBuffers | undefined;

  /** @internal */
  constructor(
    topology: MemoryTopology,
    origin: { readonly name: string; readonly root: MemoryRegion; readonly id: number },
    sequence: number,
  ) {
    this.topology = topology;
    this.name = origin.name;
    this.root = origin.root;
    this.id = origin.id;
    this.sequence = sequence;
  }

  /**
   * What shows here since the last commit: nothing before the transaction that made this is over. A snapshot: it stays
   * as it is. Address spaces that show the same region have the same one.
   *
   * @throws `ERR_ADDRESS_SPACE_DESTROYED`, `ERR_TOPOLOGY_CLOSED`
   */
  get flatView(): FlatView {
    return this.topology.viewOf(this);
  }

  /**
   * Has other threads of this process see what shows here, as it changes: post the result to a worker, and make a
   * {@link FlatViewReader} of it there. Sharing twice returns the same. It lasts as long as the address space does, and
   * keeps neither that nor its topology alive.
   *
   * @throws `ERR_ADDRESS_SPACE_DESTROYED`, `ERR_TOPOLOGY_CLOSED`, `ERR_CHANGE_IN_LISTENER`; `ERR_TRANSACTION_OPEN`.
   */
  share(): SharedAddressSpace {
    return this.topology.share(this);
  }

  /** @internal What shows here now, for one access: to be given back to {@link idleViews}. */
  borrowView(): DatedView {
    return this.topology.borrowView(this);
  }

  /** Whether {@link destroy} was called, or the transaction that made this was undone. */
  get isDestroyed(): boolean {
    return this.state === 'gone';
  }

  /** @internal Those who hear of changes here, lowest priority first. */
  get listeners(): readonly MemoryListener[] {
    return this.topology.listenersOf(this);
  }

  /**
   * The section that holds `address`; `undefined` where nothing answers.
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  lookup(address: AddressLike): MemoryRegionSection | undefined {
    const wanted = access.addressIn(this, address);
    const lent = this.borrowView();
    const range = lent.view.lookup(wanted);
    this.idleViews.push(lent);
    return range && new MemoryRegionSection(this, range);
  }

  /**
   * Reads `size` bytes at `address` as one value, as the guest or a device does (QEMU: address_space_read).
   *
   * The bytes may belong to several regions: the access is cut where memory ends, and into what devices take at once;
   * every part is made whatever becomes of the others. Addresses wrap around at 2^64. The flat view is the one at the
   * beginning, also when a callback changes the tree.
   *
   * @param size Bytes, 1 to 8.
   * @param endianness The order of bytes in the value. Default: `little`.
   * @throws `ERR_ADDRESS_RANGE`; `ERR_INVALID_ARGUMENT` on another size; `ERR_NO_HOST_MEMORY`: memory that was made
   *   without backing; what a callback throws.
   */
  read(
    address: AddressLike,
    size: number,
    attributes?: MemTxAttributes,
    endianness?: Endianness,
  ): access.ReadOutcome {
    return access.read(this, address, size, attributes, endianness);
  }

  /**
   * Writes the low `size` bytes of `value` at `address`; else as {@link read} (QEMU: address_space_write). What is
   * read-only or takes no such access stays as it is, and the result is a decode error.
   */
  write(
    address: AddressLike,
    size: number,
    value: bigint | number,
    attributes?: MemTxAttributes,
    endianness?: Endianness,
  ): MemTxResult {
    return access.write(this, address, size, value, attributes, endianness);
  }

  /** Fills `into` with the bytes at `address`; else as {@link read}. What can't be read is 0. */
  readBytes(address: AddressLike, into: Uint8Array, attributes?: MemTxAttributes): MemTxResult {
    return access.readBytes(this, address, into, attributes);
  }

  /** Writes all of `from` at `address`; else as {@link write}. */
  writeBytes(address: AddressLike, from: Uint8Array, attributes?: MemTxAttributes): MemTxResult {
    return access.writeBytes(this, address, from, attributes);
  }

  /**
   * Gives a device `length` bytes at `address` to work on (QEMU: address_space_map).
   *
   * Memory isn't copied: the mapping goes on as long as the same region does, up to 4 GiB. All else goes through a
   * bounce buffer, as far as the limit of {@link bounceBuffers} allows: it is filled here when the device reads, and
   * written back by {@link DmaMapping.unmap} when it writes. Who got less than was asked for maps the rest next.
   *
   * @returns `undefined` when the bounce buffers are used up; {@link BounceBuffers.onAvailable} says when to try again.
   * @throws `ERR_ADDRESS_RANGE`; `ERR_NO_HOST_MEMORY`: memory that was made without backing; what a callback throws.
   */
  mapDma(
    address: AddressLike,
    length: AddressLike,
    options: DmaMapOptions,
  ): DmaMapping | undefined {
    return mapDma(this, address, length, options);
  }

  /** What stands in for memory in DMA mappings of what isn't memory: its limit, and when there is room. */
  get bounceBuffers(): BounceBuffers {
    this.#bounceBuffers ??= new BounceBuffers();
    return this.#bounceBuffers;
  }

  /**
   * Says who answers at `address`, everything that is hidden there, and why.
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  explain(address: AddressLike): Explanation {
    return explain(this, address);
  }

  /**
   * Tells `listener` of all that shows here now, and from then on of every change.
   *
   * @throws `ERR_LISTENER_REGISTERED`; `ERR_LISTENER_FAILED`: it threw, was told the opposite of what it had heard,
   *   and is not registered.
   */
  addListener(listener: MemoryListener): void {
    this.topology.addListener(listener, this);
  }

  /**
   * Tells `listener` that all that it knows of here is gone, and then nothing more.
   *
   * @throws `ERR_LISTENER_REGISTERED`: it is not registered here; `ERR_LISTENER_FAILED`: it threw, and stays
   *   registered.
   */
  removeListener(listener: MemoryListener): void {
    this.topology.removeListener(listener, this);
  }

  /**
   * Gives up the address space: its listeners hear that everything is gone. The tree stays.
   *
   * @throws what {@link MemoryTopology.commit} throws.
   */
  destroy(): void {
    this.assertLive();
    this.topology.edit<AddressSpaceState>(this, 'gone', effects.memory);
  }

  /** @internal */
  apply(state: AddressSpaceState): void {
    this.state = state;
    this.topology.listAddressSpace(this);
  }

  /** @internal @throws `ERR_ADDRESS_SPACE_DESTROYED` */
  assertLive(): void {
    if (this.state === 'live') return;
    throw new FlatviewError('ERR_ADDRESS_SPACE_DESTROYED', `${this.label} was destroyed`);
  }

  /** How messages name it. */
  get label(): string {
    return `address space "${this.name}"`;
  }
}
