import type { RegionState } from '../commit/region-state.js';
import type { SectionChange } from '../commit/view-change.js';
import { type CoalescedRange, shownAddresses } from '../regions/coalesced-range.js';
import { ioEventFdChanges, type ShownIoEventFd, shownIoEventFds } from '../regions/ioeventfd.js';
import type { MemoryRegion } from '../regions/memory-region.js';
import type { MemoryRegionSection } from '../views/section.js';
import type { Audience } from './listener-registry.js';
import type { Message } from './message.js';

/** A region's state before the commit that listeners are told of. */
export type Before = (region: MemoryRegion) => RegionState;

/**
 * What the listeners of one address space are to be told. Ranges and what watches them are added from the lowest
 * priority to the highest and taken away the other way; ioeventfds the opposite, as in QEMU.
 */
export class Telling {
  readonly #messages: Message[];
  readonly #audience: Audience;

  /** @param messages Where messages are appended. */
  constructor(messages: Message[], audience: Audience) {
    this.#messages = messages;
    this.#audience = audience;
  }

  /**
   * What became of ranges: first what is gone, then what is new or stays
   * (QEMU: address_space_update_topology_pass).
   */
  changes(changes: readonly SectionChange[], before: Before): void {
    for (const { kind, section, oldDirtyLogMask } of changes) {
      const { region } = section;
      if (kind === 'del') this.#gone(section, before(region).coalescedRanges);
      if (kind === 'add') this.#new(section);
      if (kind !== 'keep') continue;
      this.#say('regionNop', section);
      this.#dirtyLog(section, oldDirtyLogMask, section.dirtyLogMask);
      this.#coalescedChange(section, before(region).coalescedRanges);
    }
  }

  /** What became of the ioeventfds in ranges (QEMU: address_space_update_ioeventfds). */
  ioEventFds(changes: readonly SectionChange[], before: Before): void {
    // Few regions have any: most commits end here.
    const hasAny = ({ section: { region } }: SectionChange): boolean =>
      region.ioeventfds.length > 0 || before(region).ioeventfds.length > 0;
    if (!changes.some(hasAny)) return;
    const gone = changes.flatMap(({ kind, section }) =>
      kind === 'add' ? [] : shownIoEventFds(before(section.region).ioeventfds, section),
    );
    const present = changes.flatMap(({ kind, section }) =>
      kind === 'del' ? [] : shownIoEventFds(section.region.ioeventfds, section),
    );
    this.#ioEventFdChanges(gone, present);
  }

  /** All that shows, for a new listener (QEMU: listener_add_address_space). */
  everything(sections: Iterable<MemoryRegionSection>): void {
    const shown: ShownIoEventFd[] = [];
    for (const section of sections) {
      this.#new(section);
      this.#dirtyLog(section, 0, section.dirtyLogMask);
      shown.push(...shownIoEventFds(section.region.ioeventfds, section));
    }
    this.#ioEventFdChanges([], shown);
  }

  /** That all that shows is gone, for a leaving listener (QEMU: listener_del_address_space). */
  everythingGone(sections: Iterable<MemoryRegionSection>): void {
    const shown: ShownIoEventFd[] = [];
    for (const section of sections) {
      this.#dirtyLog(section, section.dirtyLogMask, 0);
      this.#gone(section, section.region.coalescedRanges);
      shown.push(...shownIoEventFds(section.region.ioeventfds, section));
    }
    this.#ioEventFdChanges(shown, []);
  }

  #gone(section: MemoryRegionSection, coalesced: readonly CoalescedRange[]): void {
    this.#coalesced('coalescedIoDel', section, coalesced);
    this.#say('regionDel', section);
  }

  #new(section: MemoryRegionSection): void {
    this.#say('regionAdd', section);
    this.#coalesced('coalescedIoAdd', section, section.region.coalescedRanges);
  }

  #say(callback: 'regionAdd' | 'regionDel' | 'regionNop', section: MemoryRegionSection): void {
    const { ascending, descending } = this.#audience;
    const audience = callback === 'regionDel' ? descending : ascending;
    this.#messages.push({ audience, callback, section });
  }

  #dirtyLog(section: MemoryRegionSection, oldMask: number, newMask: number): void {
    if (oldMask === newMask) return;
    const { ascending, descending } = this.#audience;
    const masks = { section, oldMask, newMask };
    if (newMask & ~oldMask) {
      this.#messages.push({ audience: ascending, callback: 'logStart', ...masks });
    }
    if (oldMask & ~newMask) {
      this.#messages.push({ audience: descending, callback: 'logStop', ...masks });
    }
  }

  /** Which coalesced ranges of a range that stays are gone, and which are new. */
  #coalescedChange(section: MemoryRegionSection, before: readonly CoalescedRange[]): void {
    const now = section.region.coalescedRanges;
    if (before === now) return;
    const gone = before.filter((range) => !now.includes(range));
    const fresh = now.filter((range) => !before.includes(range));
    this.#coalesced('coalescedIoDel', section, gone);
    this.#coalesced('coalescedIoAdd', section, fresh);
  }

  #coalesced(
    callback: 'coalescedIoAdd' | 'coalescedIoDel',
    section: MemoryRegionSection,
    coalesced: readonly CoalescedRange[],
  ): void {
    if (coalesced.length === 0) return;
    const { ascending, descending } = this.#audience;
    const audience = callback === 'coalescedIoAdd' ? ascending : descending;
    for (const range of coalesced) {
      const shown = shownAddresses(range, section);
      if (shown === undefined) continue;
      const { address, size } = shown;
      this.#messages.push({ audience, callback, section, address, size });
    }
  }

  /**
   * All dels come before the adds, unlike in QEMU: the kernel refuses an ioeventfd that matches the same writes as
   * another (EEXIST), so one that replaces another must come after it.
   */
  #ioEventFdChanges(before: readonly ShownIoEventFd[], after: readonly ShownIoEventFd[]): void {
    const { ascending, descending } = this.#audience;
    const changes = ioEventFdChanges(before, after);
    for (const { ioeventfd, section } of changes.filter(({ added }) => !added)) {
      this.#messages.push({ audience: ascending, callback: 'eventfdDel', section, ioeventfd });
    }
    for (const { ioeventfd, section } of changes.filter(({ added }) => added)) {
      this.#messages.push({ audience: descending, callback: 'eventfdAdd', section, ioeventfd });
    }
  }
}
