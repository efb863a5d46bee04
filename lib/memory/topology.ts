import { type AddressLike, toAddress, toSize } from '../address.js';
import { FlatviewError } from '../errors.js';
import type { EngineHandle } from '../native/engine-addon.js';
import type { MemoryRegionOps } from './access/memory-region-ops.js';
import { AddressSpace } from './address-space.js';
import { type CommitObserver, CommitObservers } from './commit/commit-observer.js';
import { type DatedView, Engine, type RowDetails } from './commit/engine.js';
import { dirtyLogClients, type RegionKind } from './commit/region-state.js';
import { type Editable, type Effect, effects, TransactionLog } from './commit/transaction.js';
import { DirtyLog } from './dirty/dirty-log.js';
import { Announcer } from './listeners/announcer.js';
import type { MemoryListener } from './listeners/memory-listener.js';
import { type AliasOptions, AliasRegion } from './regions/alias-region.js';
import { IoRegion, type IoRegionOptions } from './regions/io-region.js';
import type { IommuOps } from './regions/iommu.js';
import { IommuRegion } from './regions/iommu-region.js';
import { MemoryRegion, type RegionOptions, type RegionOrigin } from './regions/memory-region.js';
import { type RamOptions, RamRegion } from './regions/ram-region.js';
import { type RomDeviceOptions, RomDeviceRegion } from './regions/rom-device-region.js';
import type { FlatView } from './views/flat-view.js';
import type { SharedAddressSpace } from './views/flat-view-reader.js';

/** Rows that nobody can see yet are sent along with the next commit, or when there are this many. */
const maxQueuedRows = 1024;

/** Whether the environment asks for {@link TopologyOptions.selfCheck} everywhere: FLATVIEW_SELF_CHECK=1. */
const isSelfCheckWanted: boolean = process.env['FLATVIEW_SELF_CHECK'] === '1';

/**
 * What a topology can be given when it is made.
 *
 * @example
 * ```ts
 * import { MemoryTopology, type TopologyOptions } from 'flatview';
 *
 * const inTests: TopologyOptions = { selfCheck: true };
 * new MemoryTopology(inTests).close();
 * ```
 */
export interface TopologyOptions {
  /**
   * Whether each commit also renders every flat view from nothing, and compares it with the one that came about by
   * changing the one before. Where they differ, the commit throws an `Error` that names the first difference, and is
   * taken back: it is a mistake of this package. Costs as much as there is. Default: whether the environment variable
   * `FLATVIEW_SELF_CHECK` is `1`.
   */
  readonly selfCheck?: boolean;
}

/**
 * The memory of one virtual machine: regions, the address spaces that show them, and who listens. There is no global
 * state: a process can have many.
 *
 * Changes are made in transactions. A setter is one of its own; {@link transaction} makes one of many, so that
 * listeners hear only the sum. Nothing here is asynchronous.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x8000_0000n));
 * system.addSubregion(0xfffc_0000n, topology.rom('pc.bios', 0x4_0000n));
 *
 * const memory = topology.addressSpace('memory', system);
 * memory.lookup(0xffff_fff0n)?.region.name; // => 'pc.bios'
 * topology.close();
 * ```
 */
export class MemoryTopology {
  readonly #engine: Engine;
  readonly #log: TransactionLog = new TransactionLog();
  readonly #announcer: Announcer = new Announcer((region) => this.#log.before(region));
  readonly #dirtyLog: DirtyLog = new DirtyLog();
  readonly #observers: CommitObservers = new CommitObservers();
  #spaces: readonly AddressSpace[] = Object.freeze([]);
  #nextSequence = 1;
  #closed = false;

  /** @param options How it works; every option has a default. */
  constructor(options: TopologyOptions = {}) {
    const details: RowDetails = {
      dirtyLogMask: ({ dirtyLogMask, isMigratable }) =>
        dirtyLogMask | (this.isDirtyLogOn && isMigratable ? dirtyLogClients.migration : 0),
      isTouched: (region) => {
        const before = this.#log.before(region);
        const { ioeventfds, coalescedRanges } = region.state;
        return before.ioeventfds !== ioeventfds || before.coalescedRanges !== coalescedRanges;
      },
    };
    this.#engine = new Engine(this, details, options.selfCheck ?? isSelfCheckWanted);
  }

  /**
   * A region with nothing of its own: its subregions show, and through the holes what lies below.
   *
   * @param size Size in bytes, 0 to 2^64.
   * @throws `ERR_ADDRESS_RANGE`, `ERR_TOPOLOGY_CLOSED`, as all that make regions.
   */
  container(name: string, size: AddressLike, options: RegionOptions = {}): MemoryRegion {
    return this.#register(new MemoryRegion(this.#origin('container', name, size, options)));
  }

  /** A region whose accesses call `ops`. */
  io(
    name: string,
    size: AddressLike,
    ops: MemoryRegionOps,
    options: IoRegionOptions = {},
  ): IoRegion {
    return this.#register(new IoRegion(this.#origin('io', name, size, options), ops, options));
  }

  /** A region that claims its addresses and answers like nothing: what lies below is hidden. */
  reservation(name: string, size: AddressLike, options: RegionOptions = {}): MemoryRegion {
    return this.#register(new MemoryRegion(this.#origin('reservation', name, size, options)));
  }

  /**
   * Memory of this process.
   *
   * @throws `ERR_SYSTEM_CALL`: the kernel has no such memory to give.
   */
  ram(name: string, size: AddressLike, options: RamOptions = {}): RamRegion {
    return this.#register(new RamRegion(this.#origin('ram', name, size, options), options));
  }

  /** Memory that the guest can only read. It is filled through its `memory`. */
  rom(name: string, size: AddressLike, options: RamOptions = {}): RamRegion {
    return this.#register(new RamRegion(this.#origin('rom', name, size, options), options));
  }

  /**
   * Mapped memory of a device: each access is made in exactly its width.
   *
   * @throws `ERR_INVALID_ARGUMENT`: neither `memory` nor `backing: 'none'` is given.
   */
  ramDevice(name: string, size: AddressLike, options: RamOptions): RamRegion {
    if (options.memory === undefined && options.backing !== 'none') {
      throw new FlatviewError('ERR_INVALID_ARGUMENT', `ram device "${name}" needs its memory`);
    }
    return this.#register(new RamRegion(this.#origin('ram-device', name, size, options), options));
  }

  /** Memory that is read like a rom and written through `ops`, such as flash. */
  romDevice(
    name: string,
    size: AddressLike,
    ops: MemoryRegionOps,
    options: RomDeviceOptions = {},
  ): RomDeviceRegion {
    const origin = this.#origin('rom-device', name, size, options);
    return this.#register(new RomDeviceRegion(origin, ops, options));
  }

  /**
   * A window into `target`.
   *
   * @throws `ERR_TOPOLOGY_MISMATCH`, `ERR_REGION_DESTROYED`
   */
  alias(name: string, target: MemoryRegion, options: AliasOptions = {}): AliasRegion {
    this.#assertOwn(target);
    const { offset = 0n } = options;
    const aliasOffset = toAddress(offset, `offset of alias "${name}"`);
    const { size = target.size > aliasOffset ? target.size - aliasOffset : 0n } = options;
    const origin = this.#origin('alias', name, size, options);
    return this.#register(new AliasRegion({ ...origin, aliasTarget: target, aliasOffset }));
  }

  /** A region that translates each access into another address space. */
  iommu(
    name: string,
    size: AddressLike,
    translator: IommuOps,
    options: RegionOptions = {},
  ): IommuRegion {
    return this.#register(new IommuRegion(this.#origin('iommu', name, size, options), translator));
  }

  /**
   * Shows the tree under `root`.
   *
   * @throws `ERR_TOPOLOGY_MISMATCH`, `ERR_REGION_DESTROYED`, what {@link commit} throws.
   */
  addressSpace(name: string, root: MemoryRegion): AddressSpace {
    this.#assertOwn(root);
    const id = this.#engine.allocateSpaceId();
    const space = new AddressSpace(this, { name, root, id }, this.nextSequence());
    this.edit(space, 'live', effects.memory);
    return space;
  }

  /** The address spaces, in the order in which they were made. */
  get addressSpaces(): readonly AddressSpace[] {
    return this.#spaces;
  }

  /**
   * Makes all changes of `body` at once: listeners hear of their sum when the outermost transaction ends. When `body`
   * throws, its changes (not those of the transaction around it) are taken back, and nothing was heard of them.
   *
   * @returns What `body` returns.
   * @throws What `body` throws; `ERR_TRANSACTION_ASYNC`: it returned a promise; `ERR_TRANSACTION_UNBALANCED`: it
   *   called {@link begin} without {@link commit}, or the other way round; what {@link commit} throws.
   */
  transaction<T>(body: () => T): T {
    this.#assertChangeable();
    this.#log.begin('body');
    const { depth } = this.#log;
    let result: T;
    try {
      result = body();
      assertSynchronous(result);
      if (this.#log.depth !== depth) throw unbalanced('a transaction that was begun in a body');
    } catch (error) {
      while (this.#log.depth >= depth) this.#log.undo();
      throw error;
    }
    this.#end();
    return result;
  }

  /**
   * Opens a transaction, within the open one if there is one. {@link transaction} is the safer way.
   *
   * @throws `ERR_TOPOLOGY_CLOSED`, `ERR_CHANGE_IN_LISTENER`
   */
  begin(): void {
    this.#assertChangeable();
    this.#log.begin('caller');
  }

  /**
   * Ends the innermost transaction. If it is the outermost one, the flat views are rendered and listeners are told;
   * should that fail, everything is as it was before the transaction.
   *
   * @throws `ERR_TRANSACTION_UNBALANCED`: no {@link begin} is open, or not within the body of {@link transaction};
   *   `ERR_LISTENER_FAILED`: a listener threw; `ERR_ALIAS_RECURSION`, `ERR_TOO_DEEP`, `ERR_VIEW_TOO_LARGE`: the tree
   *   can't be rendered.
   */
  commit(): void {
    this.#assertChangeable();
    if (this.#log.endedBy !== 'caller') throw unbalanced('a commit');
    this.#end();
  }

  /**
   * Ends the innermost transaction, and takes its changes back.
   *
   * @throws `ERR_TRANSACTION_UNBALANCED`
   */
  rollback(): void {
    this.#assertChangeable();
    if (this.#log.endedBy !== 'caller') throw unbalanced('a rollback');
    this.#log.undo();
  }

  /**
   * Tells `listener` of all that shows in any address space, and from then on of every change.
   *
   * @param space The only address space to listen to.
   * @throws As {@link AddressSpace.addListener}.
   */
  addListener(listener: MemoryListener, space?: AddressSpace): void {
    this.assertSettled('a listener is added');
    space?.assertLive();
    const spaces = space === undefined ? this.#spaces : [space];
    this.#announcer.add(listener, space, spaces, this.isDirtyLogOn);
    for (const it of spaces) this.#engine.queueAddressSpace(it);
  }

  /**
   * Takes back what {@link addListener} did with the same arguments: `listener` hears that all is gone.
   *
   * @throws As {@link AddressSpace.removeListener}.
   */
  removeListener(listener: MemoryListener, space?: AddressSpace): void {
    this.assertSettled('a listener is removed');
    const spaces = space === undefined ? this.#spaces : [space];
    this.#announcer.remove(listener, space, spaces);
    for (const it of spaces) this.#engine.queueAddressSpace(it);
  }

  /**
   * Tells `observer` of every transaction from now on, when it has come to a good end.
   *
   * @throws `ERR_TRANSACTION_OPEN`, `ERR_TOPOLOGY_CLOSED`, `ERR_CHANGE_IN_LISTENER`
   */
  addCommitObserver(observer: CommitObserver): void {
    this.assertSettled('a commit observer is added');
    this.#observers.add(observer);
  }

  /** Takes back {@link addCommitObserver}; nothing happens when `observer` isn't told. */
  removeCommitObserver(observer: CommitObserver): void {
    this.#observers.remove(observer);
  }

  /** Whether all memory is watched. */
  get isDirtyLogOn(): boolean {
    return this.#dirtyLog.state;
  }

  /**
   * Starts watching all memory, as a migration does: listeners hear `logGlobalStart`, then `logStart` for each range.
   * Every region of memory is touched, so this costs as much as there is. Nothing happens when it is so already.
   *
   * @throws `ERR_LISTENER_FAILED`: a listener threw; those who had heard it hear `logGlobalStop`.
   */
  startDirtyLog(): void {
    this.#switchDirtyLog(true);
  }

  /** Takes back {@link startDirtyLog}: listeners hear `logStop` for each range, then `logGlobalStop`. */
  stopDirtyLog(): void {
    this.#switchDirtyLog(false);
  }

  /** Has listeners bring the dirty state of watched ranges up to date, of all regions or of one. */
  syncDirtyLog(region?: MemoryRegion): void {
    this.#assertChangeable();
    this.#announcer.syncLog(this.#spaces, region);
  }

  /**
   * Has listeners watch the written pages of a part of `region` again, after a client took them from its
   * {@link DirtyBitmap} and before it reads them (QEMU: memory_region_clear_dirty_bitmap). Only listeners that leave
   * written pages unwatched until then have something to do.
   *
   * @throws `ERR_ADDRESS_RANGE`
   */
  clearDirtyLog(region: MemoryRegion, offset: AddressLike, size: AddressLike): void {
    this.#assertChangeable();
    const what = `clearDirtyLog of ${region.label}`;
    this.#announcer.clearLog(this.#spaces, region, {
      offset: toAddress(offset, `${what}: offset`),
      size: toSize(size, `${what}: size`),
    });
  }

  /**
   * Frees what the topology holds: the engine, and memory that was made for its regions. Listeners are told nothing:
   * remove them before, where they hold something in a kernel. Later uses throw `ERR_TOPOLOGY_CLOSED`; flat views
   * that were read stay valid. Closing twice does nothing.
   *
   * @throws `ERR_CHANGE_IN_LISTENER`
   */
  close(): void {
    if (this.#closed) return;
    this.#announcer.assertSilent();
    this.#closed = true;
    this.#engine.close();
    for (const region of this.#engine.regions.regions) {
      if (region instanceof RamRegion) region.releaseMemory();
    }
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal Makes `next` the state of `subject`: in the open transaction, or in one of its own. */
  edit<State>(subject: Editable<State>, next: State, effect: Effect): void {
    this.#assertChangeable();
    const alone = this.#log.depth === 0;
    if (alone) this.#log.begin('body');
    this.#log.edit(subject, next, effect);
    if (subject instanceof MemoryRegion) this.#engine.queueRegion(subject);
    if (alone) this.#end();
  }

  /** @internal A number that is higher than all before. */
  nextSequence(): number {
    return this.#nextSequence++;
  }

  /** Whether {@link close} was called. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** @internal The addon's engine, for readers on other threads. */
  get engineHandle(): EngineHandle {
    this.#assertOpen();
    return this.#engine.handle;
  }

  /** @internal */
  viewOf(space: AddressSpace): FlatView {
    this.#assertOpen();
    space.assertLive();
    return this.#engine.viewOf(space);
  }

  /** @internal See {@link Engine.borrowView}. */
  borrowView(space: AddressSpace): DatedView {
    this.#assertOpen();
    space.assertLive();
    return this.#engine.borrowView(space);
  }

  /** @internal Has other threads find the views of `space`. */
  share(space: AddressSpace): SharedAddressSpace {
    this.assertSettled('an address space is shared');
    space.assertLive();
    const { name } = space;
    space.shared ??= Object.freeze({ name, token: this.#engine.share(space) });
    return space.shared;
  }

  /** @internal */
  listenersOf(space: AddressSpace): readonly MemoryListener[] {
    return this.#announcer.listenersOf(space);
  }

  /** @internal Brings the list of address spaces in step with the state of `space`. */
  listAddressSpace(space: AddressSpace): void {
    const others = this.#spaces.filter((it) => it !== space);
    const spaces = space.isDestroyed ? others : [...others, space];
    this.#spaces = Object.freeze(spaces.sort((a, b) => a.sequence - b.sequence));
    this.#engine.queueAddressSpace(space);
  }

  #origin(kind: RegionKind, name: string, size: AddressLike, options: RegionOptions): RegionOrigin {
    this.#assertChangeable();
    const checked = toSize(size, `size of ${kind} "${name}"`);
    const id = this.#engine.regions.allocate();
    return { topology: this, id, kind, name, size: checked, options };
  }

  #register<Region extends MemoryRegion>(region: Region): Region {
    this.#engine.regions.set(region);
    this.#engine.queueRegion(region);
    return region;
  }

  /** Ends the innermost transaction; the outermost one is carried out. */
  #end(): void {
    if (this.#log.depth > 1) {
      this.#log.keep();
      return;
    }
    try {
      this.#carryOut(this.#log.pending);
    } catch (error) {
      this.#log.undo();
      throw error;
    }
    const edits = this.#observers.isEmpty ? undefined : this.#log.edits;
    this.#log.keep();
    if (edits !== undefined) this.#observers.tell(edits);
  }

  /** Renders and tells listeners, as far as `pending` makes it necessary. */
  #carryOut(pending: Effect): void {
    if (pending === effects.row && this.#engine.queueLength < maxQueuedRows) return;
    if (!this.#announcer.hasListeners) {
      this.#engine.commit(true);
      return;
    }
    const views = this.#engine.commit(false);
    try {
      const isOn = this.#dirtyLog.state;
      const logging = this.#log.before(this.#dirtyLog) === isOn ? undefined : isOn;
      this.#announcer.changes(views, (pending & effects.memory) !== 0, logging);
    } catch (error) {
      this.#engine.rollback();
      throw error;
    }
    for (const space of this.#engine.publish()) this.#announcer.drop(space);
  }

  #switchDirtyLog(on: boolean): void {
    this.#assertChangeable();
    if (this.isDirtyLogOn === on) return;
    this.transaction(() => {
      this.edit(this.#dirtyLog, on, effects.memory);
      for (const region of this.#engine.regions.regions) {
        if (region?.isMigratable && !region.isDestroyed) this.#engine.queueRegion(region);
      }
    });
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new FlatviewError('ERR_TOPOLOGY_CLOSED', 'the topology was closed');
  }

  #assertChangeable(): void {
    this.#assertOpen();
    this.#announcer.assertSilent();
    this.#observers.assertSilent();
  }

  /**
   * @internal What listeners are told must be what is in effect: so not within a transaction.
   *
   * @param what Says what is not possible then.
   */
  assertSettled(what: string): void {
    this.#assertChangeable();
    if (this.#log.depth === 0) return;
    throw new FlatviewError('ERR_TRANSACTION_OPEN', `${what} within a transaction: end it first`);
  }

  #assertOwn(region: MemoryRegion): void {
    if (region.topology !== this) {
      throw new FlatviewError(
        'ERR_TOPOLOGY_MISMATCH',
        `${region.label} belongs to another topology`,
      );
    }
    region.assertUsable();
  }
}

function assertSynchronous(result: unknown): void {
  if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return;
  throw new FlatviewError(
    'ERR_TRANSACTION_ASYNC',
    'the body of a transaction returned a promise: a transaction cannot wait',
  );
}

function unbalanced(what: string): FlatviewError {
  return new FlatviewError(
    'ERR_TRANSACTION_UNBALANCED',
    `${what} has no counterpart: every begin needs one commit or rollback, in the same body`,
  );
}
