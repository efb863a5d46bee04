import { type AddressLike, hex, toAddress, toSize } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { Endianness } from '../access/mem-tx.js';
import type { AddressSpace } from '../address-space.js';
import {
  changeState,
  type DirtyLogClient,
  dirtyLogClients,
  dirtyLogShift,
  type RegionKind,
  type RegionState,
  regionFlag,
} from '../commit/region-state.js';
import { type Effect, effects } from '../commit/transaction.js';
import type { MemoryTopology } from '../topology.js';
import type { MemoryRegionSection } from '../views/section.js';
import type { CoalescedRange } from './coalesced-range.js';
import { checkIoEventFd, compareIoEventFds, type IoEventFd } from './ioeventfd.js';
import { findSection } from './region-search.js';
import { compareStacking, toPriority } from './stacking.js';

/**
 * What every kind of region can be given when it is made.
 *
 * @example
 * ```ts
 * import { MemoryTopology, type RegionOptions } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const ofNic: RegionOptions = { owner: '0000:05:00.0', enabled: false };
 * topology.container('nic.bar2', 0x4000n, ofNic).enabled; // => false
 * ```
 */
export interface RegionOptions {
  /** Who the region belongs to, such as a device's path; shown in dumps and messages. */
  readonly owner?: string;
  /** See {@link MemoryRegion.enabled}. Default: true. */
  readonly enabled?: boolean;
  /** See {@link MemoryRegion.readonly}. Default: false. */
  readonly readonly?: boolean;
  /** See {@link MemoryRegion.nonvolatile}. Default: false. */
  readonly nonvolatile?: boolean;
  /** See {@link MemoryRegion.unmergeable}. Default: false. */
  readonly unmergeable?: boolean;
}

/** @internal What a region is made from. */
export interface RegionOrigin {
  readonly topology: MemoryTopology;
  readonly id: number;
  readonly kind: RegionKind;
  readonly name: string;
  readonly size: bigint;
  readonly options: RegionOptions;
  /** Only an alias has one. */
  readonly aliasTarget?: MemoryRegion;
  readonly aliasOffset?: bigint;
}

const nothing: readonly never[] = Object.freeze([]);

/**
 * A node of the tree: a stretch of addresses of a certain kind, placed in a parent or seen through aliases.
 * Made by the methods of {@link MemoryTopology}; kinds with more to them have subclasses.
 *
 * Each setter is a transaction of its own unless one is open, and throws `ERR_REGION_DESTROYED`,
 * `ERR_TOPOLOGY_CLOSED` or `ERR_CHANGE_IN_LISTENER` where a change is not possible, and whatever
 * {@link MemoryTopology.commit} throws; then nothing has changed.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const pci = topology.container('pci', 1n << 32n);
 * const bar0 = topology.reservation('nic.bar0', 0x4000n);
 * const bar2 = topology.reservation('nic.bar2', 0x1000n);
 * pci.addSubregion(0xfebf_0000n, bar0);
 * pci.addSubregion(0xfebf_1000n, bar2, { priority: 1 });
 *
 * const memory = topology.addressSpace('memory', pci);
 * memory.lookup(0xfebf_1000n)?.region.name; // => 'nic.bar2'
 * bar2.enabled = false;
 * memory.lookup(0xfebf_1000n)?.region.name; // => 'nic.bar0'
 * bar2.address = -1n; // throws ERR_ADDRESS_RANGE
 * ```
 */
export class MemoryRegion {
  /** The topology that it was made by. */
  readonly topology: MemoryTopology;
  /** Number of this region within its topology. A destroyed region's number is used again later. */
  readonly id: number;
  /** What answers at its addresses. */
  readonly kind: RegionKind;
  /** What the region is called; need not be unique. */
  readonly name: string;
  /** Who the region belongs to. */
  readonly owner: string | undefined;
  /** @internal */
  state: RegionState;
  /** @internal The region that an alias shows. */
  readonly aliasTarget: MemoryRegion | undefined;
  /** @internal Whether the engine is still to be sent this region's row. */
  rowPending = false;
  /** How many aliases there are of this region, wherever they are. */
  #aliases = 0;
  /** How many aliases that have a parent show this region, directly or through further aliases. */
  #placedAliases = 0;
  #children: Set<MemoryRegion> | undefined;
  /** The children in stacking order, until one is added, removed or moved. */
  #stacked: readonly MemoryRegion[] | undefined;

  /** @internal */
  constructor(origin: RegionOrigin) {
    const { topology, id, kind, name, size, options, aliasTarget, aliasOffset = 0n } = origin;
    this.topology = topology;
    this.id = id;
    this.kind = kind;
    this.name = name;
    this.owner = options.owner;
    this.aliasTarget = aliasTarget;
    if (aliasTarget !== undefined) aliasTarget.#countAlias(1);
    this.state = {
      address: 0n,
      size,
      aliasOffset,
      priority: 0,
      sequence: 0,
      flags: initialFlags(kind, options),
      parent: undefined,
      ioeventfds: nothing,
      coalescedRanges: nothing,
    };
  }

  /**
   * Offset of the first byte within the parent, in bytes, 0 to 2^64 - 1. A region without a parent has one too: it
   * shifts an address space of which the region is the root.
   *
   * Moving a region re-adds it: it comes to the front of its siblings of equal priority (QEMU:
   * memory_region_set_address).
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  get address(): bigint {
    return this.state.address;
  }

  set address(value: AddressLike) {
    this.assertUsable();
    const address = toAddress(value, () => `address of ${this.label}`);
    if (address === this.state.address) return;
    this.#place(changeState(this.state, { address }));
  }

  /**
   * Size in bytes, 0 to 2^64. What reaches beyond the parent is cut off without complaint; a region of size 0 shows
   * nothing.
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  get size(): bigint {
    return this.state.size;
  }

  set size(value: AddressLike) {
    this.assertUsable();
    const size = toSize(value, () => `size of ${this.label}`);
    if (size !== this.state.size) this.edit(changeState(this.state, { size }), effects.memory);
  }

  /**
   * Who is on top where siblings overlap: the higher one; among equals the one that was added or moved last.
   * A 32-bit signed integer, compared between siblings only. Setting it re-adds the region.
   *
   * @throws `ERR_PRIORITY_RANGE`
   */
  get priority(): number {
    return this.state.priority;
  }

  set priority(value: number) {
    this.assertUsable();
    const priority = toPriority(value, this);
    if (priority === this.state.priority) return;
    this.#place(changeState(this.state, { priority }));
  }

  /** Whether the region, and everything below it, shows at all. */
  get enabled(): boolean {
    return this.#has(regionFlag.enabled);
  }

  set enabled(on: boolean) {
    this.setFlag(regionFlag.enabled, on, effects.memory);
  }

  /** Whether writes are refused; also for everything that shows through this region. */
  get readonly(): boolean {
    return this.#has(regionFlag.readonly);
  }

  set readonly(on: boolean) {
    this.setFlag(regionFlag.readonly, on, this.#effectIfEnabled);
  }

  /** Whether the memory outlives power loss; also for everything that shows through this region. */
  get nonvolatile(): boolean {
    return this.#has(regionFlag.nonvolatile);
  }

  set nonvolatile(on: boolean) {
    this.setFlag(regionFlag.nonvolatile, on, this.#effectIfEnabled);
  }

  /** Whether flat ranges stay apart where they could be merged; also for everything that shows through this region. */
  get unmergeable(): boolean {
    return this.#has(regionFlag.unmergeable);
  }

  set unmergeable(on: boolean) {
    this.setFlag(regionFlag.unmergeable, on, this.#effectIfEnabled);
  }

  /** Whether the region answers itself, so that what lies below it is hidden; a container or alias doesn't. */
  get terminates(): boolean {
    return this.#has(regionFlag.terminates);
  }

  /** Whether the region is memory that is read and written without callbacks: ram, rom or ram device. */
  get isRam(): boolean {
    return this.kind === 'ram' || this.kind === 'rom' || this.kind === 'ram-device';
  }

  /** Whether the region is watched while all memory is; see {@link MemoryTopology.startDirtyLog}. */
  get isMigratable(): boolean {
    return this.kind === 'iommu';
  }

  /** Whether the region was destroyed and can't be used any more. */
  get isDestroyed(): boolean {
    return this.#has(regionFlag.destroyed);
  }

  /** Whether the region, or an alias that shows it, has a parent (QEMU: memory_region_is_mapped). */
  get isMapped(): boolean {
    return this.state.parent !== undefined || this.#placedAliases > 0;
  }

  /** The region that this one is a subregion of. */
  get parent(): MemoryRegion | undefined {
    return this.state.parent;
  }

  /** The subregions in stacking order: the first one wins over all others. */
  get subregions(): readonly MemoryRegion[] {
    this.#stacked ??= Object.freeze(
      [...(this.#children ?? [])].sort((a, b) => compareStacking(a.state, b.state)),
    );
    return this.#stacked;
  }

  /**
   * Puts `child` into this region at `address`, on top of what is there with the same or a lower priority. It may
   * reach beyond this region, and is cut there.
   *
   * @param address Offset within this region, in bytes, 0 to 2^64 - 1.
   * @throws `ERR_REGION_MAPPED`: it has a parent already; `ERR_REGION_RECURSION`: this region lies under `child`;
   *   `ERR_ALIAS_SUBREGION`: this region is an alias; `ERR_TOPOLOGY_MISMATCH`; `ERR_ADDRESS_RANGE`;
   *   `ERR_PRIORITY_RANGE`; `ERR_REGION_DESTROYED`; what {@link MemoryTopology.commit} throws.
   */
  addSubregion(
    address: AddressLike,
    child: MemoryRegion,
    options: { readonly priority?: number } = {},
  ): void {
    const state = changeState(child.state, {
      address: toAddress(address, () => `address of ${child.label} in ${this.label}`),
      priority: toPriority(options.priority ?? 0, child),
      parent: this,
    });
    this.#assertCanHold(child);
    child.#place(state);
  }

  /**
   * Takes `child` out of this region; it keeps its address and priority.
   *
   * @throws `ERR_NOT_SUBREGION`; what {@link MemoryTopology.commit} throws.
   */
  removeSubregion(child: MemoryRegion): void {
    if (child.parent !== this) {
      throw new FlatviewError(
        'ERR_NOT_SUBREGION',
        `${child.label} is not a subregion of ${this.label}`,
      );
    }
    const visible = this.enabled && child.enabled;
    child.edit(
      changeState(child.state, { parent: undefined }),
      visible ? effects.memory : effects.row,
    );
  }

  /**
   * The first section of the flat view that lies within `size` bytes at `address` of this region, as seen in the
   * address space of which the outermost parent is the root; `undefined` where nothing answers or there is no such
   * address space (QEMU: memory_region_find).
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  find(address: AddressLike, size: AddressLike): MemoryRegionSection | undefined {
    const what = `${this.label}.find`;
    return findSection(this, toAddress(address, `${what} address`), toSize(size, `${what} size`));
  }

  /** Whether something else than this region answers at `address` within it (QEMU: memory_region_present). */
  present(address: AddressLike): boolean {
    const found = this.find(address, 1n);
    return found !== undefined && found.region !== this;
  }

  /** The clients of the dirty log that watch this region, as bits of `dirtyLogClients`. */
  get dirtyLogMask(): number {
    return (this.state.flags >>> dirtyLogShift) & 0xff;
  }

  /** Starts or stops watching which pages of this region are written, for `client`. */
  setDirtyLog(client: DirtyLogClient, on: boolean): void {
    this.setFlag(dirtyLogClients[client] << dirtyLogShift, on, this.#effectIfEnabled);
  }

  /** The ioeventfds of this region, in order of their offsets. */
  get ioeventfds(): readonly IoEventFd[] {
    return this.state.ioeventfds;
  }

  /**
   * Has the kernel signal an eventfd when the guest writes here.
   *
   * @throws `ERR_ADDRESS_RANGE`, `ERR_INVALID_ARGUMENT`
   */
  addIoEventFd(ioeventfd: IoEventFd): void {
    const checked = this.#checked(ioeventfd);
    const ioeventfds = [...this.state.ioeventfds, checked].sort(compareIoEventFds);
    this.edit(
      changeState(this.state, { ioeventfds: Object.freeze(ioeventfds) }),
      this.#ioeventfdEffect,
    );
  }

  /**
   * Takes back what {@link addIoEventFd} did with an equal argument.
   *
   * @throws `ERR_INVALID_ARGUMENT`: there is none like it.
   */
  removeIoEventFd(ioeventfd: IoEventFd): void {
    const checked = this.#checked(ioeventfd);
    const at = this.state.ioeventfds.findIndex((it) => compareIoEventFds(it, checked) === 0);
    if (at < 0) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `${this.label} has no such ioeventfd at offset ${hex(checked.address)}`,
      );
    }
    const ioeventfds = this.state.ioeventfds.filter((_, index) => index !== at);
    this.edit(
      changeState(this.state, { ioeventfds: Object.freeze(ioeventfds) }),
      this.#ioeventfdEffect,
    );
  }

  /** The parts of this region whose writes may be gathered. */
  get coalescedRanges(): readonly CoalescedRange[] {
    return this.state.coalescedRanges;
  }

  /**
   * Lets the kernel gather writes to `size` bytes at `offset`.
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  addCoalescedRange(offset: AddressLike, size: AddressLike): void {
    const range = {
      offset: toAddress(offset, () => `offset of a coalesced range of ${this.label}`),
      size: toSize(size, () => `size of a coalesced range of ${this.label}`),
    };
    const coalescedRanges = Object.freeze([...this.state.coalescedRanges, Object.freeze(range)]);
    this.edit(changeState(this.state, { coalescedRanges }), this.#effectIfEnabled);
  }

  /** Takes back every {@link addCoalescedRange}. */
  clearCoalescedRanges(): void {
    this.assertUsable();
    if (this.state.coalescedRanges.length === 0) return;
    this.edit(changeState(this.state, { coalescedRanges: nothing }), this.#effectIfEnabled);
  }

  /**
   * Gives up the region: its memory is released when nobody uses it, and every later use throws
   * `ERR_REGION_DESTROYED`.
   *
   * @throws `ERR_REGION_BUSY`: it has a parent, subregions, aliases or an address space.
   */
  destroy(): void {
    const user = this.#user();
    if (user !== undefined) {
      throw new FlatviewError('ERR_REGION_BUSY', `${this.label} is still ${user}`);
    }
    this.setFlag(regionFlag.destroyed, true, effects.row);
  }

  /** The name and place of this region as messages give them. */
  get label(): string {
    return `"${this.name}" (${this.kind} at ${hex(this.state.address)}, size ${hex(this.state.size)})`;
  }

  /** @internal Replaces the state, and keeps what hangs on it in step. Undoing is applying the earlier state. */
  apply(next: RegionState): void {
    const { parent, isDestroyed } = this;
    this.state = next;
    if (next.parent !== parent) {
      if (parent !== undefined) parent.#dropChild(this);
      if (next.parent !== undefined) next.parent.#takeChild(this);
    } else if (parent !== undefined) {
      parent.#stacked = undefined;
    }
    if (this.aliasTarget === undefined) return;
    this.aliasTarget.#countAlias(Number(isDestroyed) - Number(this.isDestroyed));
    const placed = Number(next.parent !== undefined) - Number(parent !== undefined);
    if (placed !== 0) this.aliasTarget.#countPlaced(placed);
  }

  /** @internal Makes `next` the state, as a transaction or as a part of the open one. */
  protected edit(next: RegionState, effect: Effect): void {
    this.assertUsable();
    this.topology.edit(this, next, effect);
  }

  /** @internal Sets or clears a flag; nothing happens when it is so already. */
  protected setFlag(flag: number, on: boolean, effect: Effect): void {
    const { flags } = this.state;
    const next = on ? flags | flag : flags & ~flag;
    this.assertUsable();
    if (next !== flags) this.edit(changeState(this.state, { flags: next }), effect);
  }

  /** Puts the region where `state` says, on top of its siblings of equal priority. */
  #place(state: RegionState): void {
    const { parent } = state;
    const sequence = parent === undefined ? state.sequence : this.topology.nextSequence();
    // A root moves its address space, wherever it is placed. And only at address 0 can a region that an alias shows
    // stand for the alias as the root of a view.
    const isSeen = parent?.enabled === true || this.#rootOf() !== undefined;
    const changesView = (isSeen && this.enabled) || this.#aliases > 0;
    this.edit(changeState(state, { sequence }), changesView ? effects.memory : effects.row);
  }

  /** What makes the flat view change only where the region is enabled. */
  get #effectIfEnabled(): Effect {
    return this.enabled ? effects.memory : effects.row;
  }

  /** The byte order of the region's callbacks. */
  protected get endianness(): Endianness {
    return 'little';
  }

  /** `ioeventfd` of this region, checked, with its data in the guest's byte order. */
  #checked(ioeventfd: IoEventFd): IoEventFd {
    return checkIoEventFd(ioeventfd, `ioeventfd of ${this.label}`, this.endianness);
  }

  get #ioeventfdEffect(): Effect {
    return this.enabled ? effects.ioeventfds : effects.row;
  }

  #has(flag: number): boolean {
    return (this.state.flags & flag) !== 0;
  }

  #takeChild(child: MemoryRegion): void {
    this.#children ??= new Set();
    this.#children.add(child);
    this.#stacked = undefined;
  }

  #dropChild(child: MemoryRegion): void {
    this.#children?.delete(child);
    this.#stacked = undefined;
  }

  #countAlias(change: number): void {
    this.#aliases += change;
  }

  #countPlaced(change: number): void {
    this.#placedAliases += change;
    if (this.aliasTarget !== undefined) this.aliasTarget.#countPlaced(change);
  }

  #user(): string | undefined {
    if (this.parent) return `a subregion of ${this.parent.label}`;
    const child = this.#children?.values().next().value;
    if (child) return `the parent of ${child.label}`;
    if (this.#aliases > 0) return `shown by ${this.#aliases} alias(es)`;
    const space = this.#rootOf();
    return space && `the root of ${space.label}`;
  }

  #rootOf(): AddressSpace | undefined {
    return this.topology.addressSpaces.find(({ root }) => root === this);
  }

  /** @internal @throws `ERR_REGION_DESTROYED` */
  assertUsable(): void {
    if (!this.isDestroyed) return;
    throw new FlatviewError('ERR_REGION_DESTROYED', `${this.label} was destroyed`);
  }

  #assertCanHold(child: MemoryRegion): void {
    this.assertUsable();
    child.assertUsable();
    if (child.topology !== this.topology) {
      throw new FlatviewError(
        'ERR_TOPOLOGY_MISMATCH',
        `${child.label} belongs to another topology than ${this.label}`,
      );
    }
    if (this.kind === 'alias') {
      throw new FlatviewError(
        'ERR_ALIAS_SUBREGION',
        `${this.label} is an alias: ${child.label} cannot be put under it`,
      );
    }
    if (child.parent !== undefined) {
      throw new FlatviewError(
        'ERR_REGION_MAPPED',
        `${child.label} is a subregion of ${child.parent.label} already`,
      );
    }
    if (child.#isSelfOrAncestorOf(this)) {
      throw new FlatviewError(
        'ERR_REGION_RECURSION',
        `${child.label} cannot be put under itself (into ${this.label})`,
      );
    }
  }

  #isSelfOrAncestorOf(region: MemoryRegion): boolean {
    if (this === region) return true;
    // A region without subregions is nobody's ancestor: a tree built from the top costs no walk.
    if (!this.#children?.size) return false;
    for (let at = region.parent; at !== undefined; at = at.parent) if (at === this) return true;
    return false;
  }
}

function initialFlags(kind: RegionKind, options: RegionOptions): number {
  const { enabled = true, readonly = kind === 'rom', nonvolatile, unmergeable } = options;
  return (
    (kind === 'container' || kind === 'alias' ? 0 : regionFlag.terminates) |
    (kind === 'alias' ? regionFlag.alias : 0) |
    (enabled ? regionFlag.enabled : 0) |
    (readonly ? regionFlag.readonly : 0) |
    (nonvolatile ? regionFlag.nonvolatile : 0) |
    (unmergeable ? regionFlag.unmergeable : 0) |
    regionFlag.romd
  );
}
