import { FlatviewError, withUndoFailures } from '../errors.js';
import type { AddressSpace } from './address-space.js';
import { shownAddresses } from './coalesced-range.js';
import { ListenerRegistry } from './listener-registry.js';
import type { MemoryListener } from './memory-listener.js';
import type { MemoryRegion } from './memory-region.js';
import { Notification } from './notification.js';
import type { OffsetRange } from './range-set.js';
import { MemoryRegionSection } from './section.js';
import {
  type Before,
  tellEverything,
  tellEverythingGone,
  tellIoEventFdChanges,
  tellRangeChanges,
} from './telling.js';
import type { ViewChange } from './view-change.js';

/** Tells listeners: all of them or one, of a change or of everything; and takes it back when one of them fails. */
export class Announcer {
  readonly #registry: ListenerRegistry = new ListenerRegistry();
  readonly #before: Before;
  #isTelling = false;

  /** @param before The state of a region that listeners know: that of the last commit. */
  constructor(before: Before) {
    this.#before = before;
  }

  /** Whether somebody listens to anything. */
  get hasListeners(): boolean {
    return this.#registry.all.length > 0;
  }

  /** Those who hear of changes in `space`, lowest priority first. */
  listenersOf(space: AddressSpace): readonly MemoryListener[] {
    return this.#registry.of(space);
  }

  /** @throws `ERR_CHANGE_IN_LISTENER`: listeners are being told of something just now. */
  assertSilent(): void {
    if (!this.#isTelling) return;
    throw new FlatviewError(
      'ERR_CHANGE_IN_LISTENER',
      'a listener cannot change the tree, or who listens, while it is being told of a change',
    );
  }

  /**
   * Tells all of `views`, one address space after the other in the order in which they were made; bracketed by
   * `begin` and `commit` unless nothing but ioeventfds can have changed.
   *
   * @param logging Whether all memory is watched from now on, or no longer; `undefined` where that stays as it is.
   */
  changes(views: readonly ViewChange[], bracketed: boolean, logging?: boolean): void {
    const all = this.#registry.all;
    const inOrder = views
      .flatMap(({ spaces, changes }) => spaces.map((space) => ({ space, changes })))
      .sort((a, b) => a.space.sequence - b.space.sequence);
    this.#tell((notification) => {
      if (logging === true) notification.tell(all, 'forward', 'logGlobalStart');
      if (bracketed) notification.begin(all);
      for (const { space, changes } of inOrder) {
        const listeners = this.#registry.of(space);
        if (bracketed) tellRangeChanges(notification, listeners, space, changes, this.#before);
        tellIoEventFdChanges(notification, listeners, space, changes, this.#before);
      }
      if (bracketed) notification.commit(all);
      if (logging === false) notification.tell(all, 'reverse', 'logGlobalStop');
    });
  }

  /**
   * Adds a listener, for one address space or for all, and tells it of everything.
   *
   * @param spaces The address spaces that it listens to.
   * @param logging Whether all memory is watched.
   */
  add(
    listener: MemoryListener,
    space: AddressSpace | undefined,
    spaces: readonly AddressSpace[],
    logging: boolean,
  ): void {
    this.#registry.add(listener, space);
    try {
      this.#tell((notification) => {
        notification.begin([listener]);
        if (logging) notification.tell([listener], 'forward', 'logGlobalStart');
        for (const it of spaces) tellEverything(notification, listener, it);
        notification.commit([listener]);
      });
    } catch (error) {
      this.#registry.remove(listener, space);
      throw error;
    }
  }

  /** Tells a listener that everything is gone, and removes it. */
  remove(
    listener: MemoryListener,
    space: AddressSpace | undefined,
    spaces: readonly AddressSpace[],
  ): void {
    this.#registry.assertAdded(listener, space);
    this.#tell((notification) => {
      notification.begin([listener]);
      for (const it of spaces) tellEverythingGone(notification, listener, it);
      notification.commit([listener]);
    });
    this.#registry.remove(listener, space);
  }

  /** Forgets those who listen to `space` alone, which is gone; they were told. */
  drop(space: AddressSpace): void {
    this.#registry.drop(space);
  }

  /** Has listeners bring the dirty state of watched ranges up to date, of all regions or of one. */
  syncLog(spaces: readonly AddressSpace[], region: MemoryRegion | undefined): void {
    this.#tell((notification) => {
      for (const { listeners, section } of this.#watched(spaces, 'logSync', region)) {
        notification.tell(listeners, 'forward', 'logSync', section);
      }
    });
  }

  /** Has listeners watch the written pages of a part of `region` again. */
  clearLog(spaces: readonly AddressSpace[], region: MemoryRegion, part: OffsetRange): void {
    this.#tell((notification) => {
      for (const { listeners, section } of this.#watched(spaces, 'logClear', region)) {
        const shown = shownAddresses(part, section);
        if (shown === undefined) continue;
        const cut = section.within(shown.address, shown.size);
        notification.tell(listeners, 'forward', 'logClear', cut);
      }
    });
  }

  /** The watched ranges of all regions or of one, with those who have `callback`. */
  *#watched(
    spaces: readonly AddressSpace[],
    callback: 'logSync' | 'logClear',
    region: MemoryRegion | undefined,
  ): IterableIterator<{ listeners: readonly MemoryListener[]; section: MemoryRegionSection }> {
    for (const space of spaces) {
      const listeners = this.#registry.of(space).filter((it) => it[callback]);
      if (listeners.length === 0) continue;
      for (const range of space.flatView.ranges()) {
        if (range.dirtyLogMask === 0 || (region ?? range.region) !== range.region) continue;
        yield { listeners, section: new MemoryRegionSection(space, range) };
      }
    }
  }

  /** Runs `body`, and undoes what it told when somebody throws. */
  #tell(body: (notification: Notification) => void): void {
    const notification = new Notification();
    this.#isTelling = true;
    try {
      body(notification);
    } catch (error) {
      throw withUndoFailures(error, notification.undo());
    } finally {
      this.#isTelling = false;
    }
  }
}
