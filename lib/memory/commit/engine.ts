import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { addon, exchange } from '../../native/addon.js';
import { commitRefusal, type EngineHandle } from '../../native/engine-addon.js';
import type { AddressSpace } from '../address-space.js';
import type { MemoryRegion } from '../regions/memory-region.js';
import { FlatView } from '../views/flat-view.js';
import { RegionNames } from '../views/region-names.js';
import { Batch } from './batch.js';
import { RegionTable } from './region-table.js';
import { readViewChanges, type ViewChange } from './view-change.js';

/** What is to be known of a region when its row is sent. */
export interface RowDetails {
  /** All clients that watch the region, those that watch everything included. */
  dirtyLogMask(region: MemoryRegion): number;
  /** Whether the region's ranges are to be reported even where they stay as they are. */
  isTouched(region: MemoryRegion): boolean;
}

/** A view of an address space, and as of which published commit. */
export interface DatedView {
  readonly view: FlatView;
  generation: number;
}

const nobody: readonly AddressSpace[] = [];

/** What the engine answers when it refuses a batch. */
const refusals = {
  [commitRefusal.endlessAlias]: {
    code: 'ERR_ALIAS_RECURSION',
    text: 'leads back to itself without end',
  },
  [commitRefusal.tooDeep]: { code: 'ERR_TOO_DEEP', text: 'is nested too deep to be rendered' },
  [commitRefusal.tooMuchWork]: {
    code: 'ERR_VIEW_TOO_LARGE',
    text: 'shows so much that rendering takes too long',
  },
} as const;

/**
 * The native engine, which holds a copy of the tree and renders it. Changed regions and address spaces are queued
 * here and cross in one batch at commit; whatever fails leaves the queue as it was.
 */
export class Engine {
  readonly regions: RegionTable = new RegionTable();
  readonly handle: EngineHandle;
  readonly #batch: Batch;
  readonly #details: RowDetails;
  readonly #pendingRegions: MemoryRegion[] = [];
  readonly #pendingSpaces = new Set<AddressSpace>();
  readonly #spacesById = new Map<number, AddressSpace>();
  /** Ids of address spaces whose end all were told, to be removed with the next batch. */
  #removedSpaces: number[] = [];
  readonly #freeSpaceIds: number[] = [];
  #nextSpaceId = 0;
  /** Counts published commits: what was read before the last one may be out of date. */
  #generation = 0;
  /** Whether some address space was shared. Until then nobody asks what regions are called. */
  #isShared = false;
  /** Views by the engine's serial number, so that address spaces share them here too. */
  readonly #views = new Map<number, WeakRef<FlatView>>();

  /**
   * @param owner The engine is freed when it is collected.
   * @param selfCheck Whether each commit is also rendered from scratch and compared.
   */
  constructor(owner: object, details: RowDetails, selfCheck: boolean) {
    this.#details = details;
    this.handle = addon.engineCreate(selfCheck);
    this.#batch = new Batch(this.handle);
    abandoned.register(owner, this.handle, this);
  }

  /** Frees the engine. Views that were read stay valid. */
  close(): void {
    abandoned.unregister(this);
    addon.engineDestroy(this.handle);
  }

  /** Has the row of `region` sent with the next batch. */
  queueRegion(region: MemoryRegion): void {
    if (region.rowPending) return;
    region.rowPending = true;
    this.#pendingRegions.push(region);
  }

  /** Has the row of `space` sent with the next batch. */
  queueAddressSpace(space: AddressSpace): void {
    this.#pendingSpaces.add(space);
    this.#spacesById.set(space.id, space);
  }

  /** How many regions' rows are queued. */
  get queueLength(): number {
    return this.#pendingRegions.length;
  }

  allocateSpaceId(): number {
    return this.#freeSpaceIds.pop() ?? this.#nextSpaceId++;
  }

  /**
   * Sends what is queued, and renders.
   *
   * @param publish Whether the new views are in effect at once; else {@link publish} or {@link rollback} follows.
   * @returns What changed in address spaces that have listeners.
   * @throws `ERR_ALIAS_RECURSION`, `ERR_TOO_DEEP`, `ERR_VIEW_TOO_LARGE`; then nothing has changed.
   */
  commit(publish: boolean): ViewChange[] {
    this.#fillBatch();
    const words = addon.engineCommit(this.handle, this.#batch.count, publish);
    if (words < 0) throw this.#refusal(words);
    if (publish) this.#published();
    if (words === 0) return [];
    return readViewChanges(this.handle, words, this.regions.regions, this.#spacesById);
  }

  /**
   * Puts the commit into effect.
   *
   * @returns The address spaces that are gone now.
   */
  publish(): readonly AddressSpace[] {
    addon.enginePublish(this.handle);
    return this.#published();
  }

  /** Takes the commit back. What it sent is still queued. */
  rollback(): void {
    addon.engineRollback(this.handle);
  }

  /** The view of `space` that is in effect. */
  viewOf(space: AddressSpace): FlatView {
    const { recentView } = space;
    if (recentView?.generation === this.#generation) return recentView.view;
    const view = this.#viewBySerial(addon.engineViewSerial(this.handle, space.id), space);
    space.recentView = { generation: this.#generation, view };
    return view;
  }

  /**
   * Lends a view of what `space` shows now: a snapshot until it is given back to `space.idleViews`, from where it
   * is lent again, also after the next commit. A {@link viewOf} of every commit would cost more than the
   * commit itself, and live until it is collected.
   */
  borrowView(space: AddressSpace): DatedView {
    const idle = space.idleViews.pop();
    if (idle === undefined) return { view: this.#newView(space), generation: this.#generation };
    if (idle.generation !== this.#generation) {
      idle.view.renew(this.handle, space.id, this.regions.regions);
      idle.generation = this.#generation;
    }
    return idle;
  }

  /** Has other threads find the views of `space`. Returns the token by which they do. */
  share(space: AddressSpace): bigint {
    if (!this.#isShared) this.regions.useNames(new RegionNames(this.handle));
    this.#isShared = true;
    return addon.engineShare(this.handle, space.id);
  }

  #viewBySerial(serial: number, space: AddressSpace): FlatView {
    const known = this.#views.get(serial)?.deref();
    if (known !== undefined) return known;
    const view = this.#newView(space, forget(this.#views, serial));
    this.#views.set(serial, new WeakRef(view));
    return view;
  }

  #newView(space: AddressSpace, collected?: () => void): FlatView {
    const handle = addon.viewAcquire(this.handle, space.id);
    return new FlatView(handle, this.regions.regions, collected);
  }

  #fillBatch(): void {
    const details = this.#details;
    this.#batch.clear();
    for (const region of this.#pendingRegions) {
      this.#batch.region(region, details.dirtyLogMask(region), details.isTouched(region));
    }
    for (const id of this.#removedSpaces) this.#batch.addressSpaceRemoved(id);
    for (const space of this.#pendingSpaces) this.#batch.addressSpace(space);
  }

  #published(): readonly AddressSpace[] {
    this.#generation++;
    // Emptied step by step, it keeps its memory for the next commit.
    for (let region = this.#pendingRegions.pop(); region; region = this.#pendingRegions.pop()) {
      region.rowPending = false;
      if (region.isDestroyed) this.regions.retire(region.id);
    }
    return this.#publishedSpaces();
  }

  #publishedSpaces(): readonly AddressSpace[] {
    if (this.#pendingSpaces.size === 0 && this.#removedSpaces.length === 0) return nobody;
    this.#freeSpaceIds.push(...this.#removedSpaces);
    const gone = [...this.#pendingSpaces].filter((space) => space.isDestroyed);
    this.#removedSpaces = gone.map(({ id }) => id);
    for (const space of gone) {
      space.recentView = undefined;
      this.#spacesById.delete(space.id);
    }
    this.#pendingSpaces.clear();
    return gone;
  }

  #refusal(status: number): Error {
    const id = exchange.halves[0] ?? 0;
    if (!isRefusal(status)) return new Error(`the engine refused record ${id} (${status})`);
    const { code, text } = refusals[status];
    const region = this.regions.regions[id];
    const target = region?.aliasTarget;
    const shown = target === undefined ? '' : `, an alias of ${target.label},`;
    return new FlatviewError(code, `${region?.label ?? `region ${hex(id)}`}${shown} ${text}`);
  }
}

function isRefusal(status: number): status is keyof typeof refusals {
  return status in refusals;
}

/** Frees engines whose topology was collected without being closed. */
const abandoned: FinalizationRegistry<number> = new FinalizationRegistry((handle) =>
  addon.engineDestroy(handle),
);

/** Drops the entry of a view that was collected, unless there is a new one for the same number. */
function forget(views: Map<number, WeakRef<FlatView>>, serial: number): () => void {
  return () => {
    if (views.get(serial)?.deref() === undefined) views.delete(serial);
  };
}
