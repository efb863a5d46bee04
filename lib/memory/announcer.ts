import { FlatviewError } from '../errors.js';
import type { AddressSpace } from './address-space.js';
import { ListenerRegistry } from './listener-registry.js';
import type { MemoryListener } from './memory-listener.js';
import type { MemoryRegion } from './memory-region.js';
import { Notification } from './notification.js';
import { MemoryRegionSection } from './section.js';
import { type Before, tellChanges, tellEverything, tellEverythingGone } from './telling.js';
import type { ViewChange } from './view-change.js';

/** Tells listeners: all of them or one, of a change or of everything; and takes it back when one of them fails. */
export class Announcer {
  readonly #registry: ListenerRegistry = new ListenerRegistry();
  readonly #before: Before;
  #isTelling = false;
  #isLogging = false;

  /** @param before The state of a region that listeners know: that of the last commit. */
  constructor(before: Before) {
    this.#before = before;
  }

  /** Whether somebody listens to anything. */
  get hasListeners(): boolean {
    return this.#registry.all.length > 0;
  }

  /** Whether all memory is watched. */
  get isLogging(): boolean {
    return this.#isLogging;
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
   */
  changes(views: readonly ViewChange[], bracketed: boolean): void {
    const inOrder = views
      .flatMap(({ spaces, changes }) => spaces.map((space) => ({ space, changes })))
      .sort((a, b) => a.space.sequence - b.space.sequence);
    this.#tell(bracketed ? this.#registry.all : [], (notification) => {
      for (const { space, changes } of inOrder) {
        tellChanges(notification, this.#registry.of(space), space, changes, this.#before);
      }
    });
  }

  /** Adds a listener, for one address space or for all, and tells it of everything. */
  add(
    listener: MemoryListener,
    space: AddressSpace | undefined,
    spaces: readonly AddressSpace[],
  ): void {
    this.#registry.add(listener, space);
    try {
      this.#tell([listener], (notification) => {
        if (this.#isLogging) notification.tell([listener], 'forward', 'logGlobalStart');
        for (const it of spaces) tellEverything(notification, listener, it);
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
    this.#tell([listener], (notification) => {
      for (const it of spaces) tellEverythingGone(notification, listener, it);
    });
    this.#registry.remove(listener, space);
  }

  /** Forgets those who listen to `space` alone, which is gone; they were told. */
  drop(space: AddressSpace): void {
    this.#registry.drop(space);
  }

  /** Starts or stops watching all memory; `logRanges` makes the commit in which each range hears of it. */
  switchLog(on: boolean, logRanges: () => void): void {
    if (on) this.#startLog(logRanges);
    else this.#stopLog(logRanges);
  }

  #startLog(logRanges: () => void): void {
    const { all } = this.#registry;
    const started = this.#tell([], (it) => it.tell(all, 'forward', 'logGlobalStart'));
    this.#isLogging = true;
    try {
      logRanges();
    } catch (error) {
      this.#isLogging = false;
      throw withUndoFailures(error, started.undo());
    }
  }

  #stopLog(logRanges: () => void): void {
    this.#isLogging = false;
    try {
      logRanges();
      this.#tell([], (it) => it.tell(this.#registry.all, 'reverse', 'logGlobalStop'));
    } catch (error) {
      this.#isLogging = true;
      logRanges();
      throw error;
    }
  }

  /** Has listeners bring the dirty state of watched ranges up to date, of all regions or of one. */
  syncLog(spaces: readonly AddressSpace[], region: MemoryRegion | undefined): void {
    this.#tell([], (notification) => {
      for (const space of spaces) {
        const listeners = this.#registry.of(space).filter((it) => it.logSync);
        if (listeners.length === 0) continue;
        for (const range of space.flatView.ranges()) {
          if (range.dirtyLogMask === 0 || (region ?? range.region) !== range.region) continue;
          const section = new MemoryRegionSection(space, range);
          notification.tell(listeners, 'forward', 'logSync', section);
        }
      }
    });
  }

  /** Runs `body` between `begin` and `commit` of `bracketed`. Undoes what was told when somebody throws. */
  #tell(
    bracketed: readonly MemoryListener[],
    body: (notification: Notification) => void,
  ): Notification {
    const notification = new Notification();
    this.#isTelling = true;
    try {
      notification.begin(bracketed);
      body(notification);
      notification.commit(bracketed);
    } catch (error) {
      throw withUndoFailures(error, notification.undo());
    } finally {
      this.#isTelling = false;
    }
    return notification;
  }
}

/** `error`, together with what else went wrong while what it broke was being undone. */
function withUndoFailures(error: unknown, undoFailures: readonly unknown[]): unknown {
  if (!(error instanceof FlatviewError) || undoFailures.length === 0) return error;
  const { code, message, ...details } = error;
  const failed = `${message}; ${undoFailures.length} more failed while it was undone`;
  return new FlatviewError(code, failed, { ...details, cause: error.cause, undoFailures });
}
