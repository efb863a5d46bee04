import { FlatviewError } from '../../errors.js';
import type { AddressSpace } from '../address-space.js';
import type { ViewChange } from '../commit/view-change.js';
import type { OffsetRange } from '../range-set.js';
import { shownAddresses } from '../regions/coalesced-range.js';
import type { MemoryRegion } from '../regions/memory-region.js';
import { MemoryRegionSection } from '../views/section.js';
import { ListenerRegistry } from './listener-registry.js';
import type { MemoryListener } from './memory-listener.js';
import type { Message } from './message.js';
import { notify } from './notification.js';
import { type Before, Telling } from './telling.js';

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
    return this.#registry.all.ascending.length > 0;
  }

  /** Those who hear of changes in `space`, lowest priority first. */
  listenersOf(space: AddressSpace): readonly MemoryListener[] {
    return this.#registry.of(space).ascending;
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
   * Tells all of `views`, one address space after the other; bracketed by `begin` and `commit` unless nothing but
   * ioeventfds can have changed.
   *
   * @param logging Whether all memory is watched from now on, or no longer; `undefined` where that stays as it is.
   */
  changes(views: readonly ViewChange[], bracketed: boolean, logging?: boolean): void {
    const { ascending, descending } = this.#registry.all;
    const messages: Message[] = [];
    if (logging === true) messages.push({ audience: ascending, callback: 'logGlobalStart' });
    if (bracketed) messages.push({ audience: ascending, callback: 'begin' });
    for (const { space, changes } of views) {
      const telling = new Telling(messages, this.#registry.of(space));
      if (bracketed) telling.changes(changes, this.#before);
      telling.ioEventFds(changes, this.#before);
    }
    if (bracketed) messages.push({ audience: ascending, callback: 'commit' });
    if (logging === false) messages.push({ audience: descending, callback: 'logGlobalStop' });
    this.#tell(messages);
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
      const audience = [listener];
      const alone = { ascending: audience, descending: audience };
      const messages: Message[] = [{ audience, callback: 'begin' }];
      if (logging) messages.push({ audience, callback: 'logGlobalStart' });
      for (const it of spaces) new Telling(messages, alone).everything(sectionsOf(it));
      messages.push({ audience, callback: 'commit' });
      this.#tell(messages);
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
    const audience = [listener];
    const alone = { ascending: audience, descending: audience };
    const messages: Message[] = [{ audience, callback: 'begin' }];
    for (const it of spaces) new Telling(messages, alone).everythingGone(sectionsOf(it));
    messages.push({ audience, callback: 'commit' });
    this.#tell(messages);
    this.#registry.remove(listener, space);
  }

  /** Forgets those who listen to `space` alone, which is gone; they were told. */
  drop(space: AddressSpace): void {
    this.#registry.drop(space);
  }

  /** Has listeners bring the dirty state of watched ranges up to date, of all regions or of one. */
  syncLog(spaces: readonly AddressSpace[], region: MemoryRegion | undefined): void {
    const messages: Message[] = [];
    for (const { audience, section } of this.#watched(spaces, 'logSync', region)) {
      messages.push({ audience, callback: 'logSync', section });
    }
    this.#tell(messages);
  }

  /** Has listeners watch the written pages of a part of `region` again. */
  clearLog(spaces: readonly AddressSpace[], region: MemoryRegion, part: OffsetRange): void {
    const messages: Message[] = [];
    for (const { audience, section } of this.#watched(spaces, 'logClear', region)) {
      const shown = shownAddresses(part, section);
      if (shown === undefined) continue;
      const cut = section.within(shown.address, shown.size);
      messages.push({ audience, callback: 'logClear', section: cut });
    }
    this.#tell(messages);
  }

  /** The watched ranges of all regions or of one, with those who have `callback`. */
  *#watched(
    spaces: readonly AddressSpace[],
    callback: 'logSync' | 'logClear',
    region: MemoryRegion | undefined,
  ): Iterable<{ audience: readonly MemoryListener[]; section: MemoryRegionSection }> {
    for (const space of spaces) {
      const audience = this.#registry.of(space).ascending.filter((it) => it[callback]);
      if (audience.length === 0) continue;
      for (const section of sectionsOf(space)) {
        if (section.dirtyLogMask === 0 || (region ?? section.region) !== section.region) continue;
        yield { audience, section };
      }
    }
  }

  #tell(messages: readonly Message[]): void {
    this.#isTelling = true;
    try {
      notify(messages);
    } finally {
      this.#isTelling = false;
    }
  }
}

/** All that shows in `space`, ascending. */
function* sectionsOf(space: AddressSpace): Iterable<MemoryRegionSection> {
  for (const range of space.flatView.ranges()) yield new MemoryRegionSection(space, range);
}
