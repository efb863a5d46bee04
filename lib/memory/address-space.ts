import { type AddressLike, toAddress } from '../address.js';
import { FlatviewError } from '../errors.js';
import type { FlatView } from './flat-view.js';
import type { MemoryListener } from './memory-listener.js';
import type { MemoryRegion } from './memory-region.js';
import { MemoryRegionSection } from './section.js';
import type { MemoryTopology } from './topology.js';
import { effects } from './transaction.js';

/** @internal Whether an address space exists: not before its creation is in effect, nor after its destruction. */
export type AddressSpaceState = 'live' | 'gone';

/**
 * What a processor or a device sees: the flat view of a tree. Made by {@link MemoryTopology.addressSpace}.
 */
export class AddressSpace {
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
   * What shows here since the last commit. A snapshot: it stays as it is. Address spaces that show the same region
   * have the same one.
   *
   * @throws `ERR_ADDRESS_SPACE_DESTROYED`, `ERR_TOPOLOGY_CLOSED`
   */
  get flatView(): FlatView {
    return this.topology.viewOf(this);
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
    const range = this.flatView.lookup(toAddress(address, `address in ${this.label}`));
    return range && new MemoryRegionSection(this, range);
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
