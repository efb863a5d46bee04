import type { AddressSpace } from './address-space.js';
import { type CoalescedRange, shownAddresses } from './coalesced-range.js';
import { ioEventFdChanges, type ShownIoEventFd, shownIoEventFds } from './ioeventfd.js';
import type { MemoryListener } from './memory-listener.js';
import type { MemoryRegion } from './memory-region.js';
import type { Direction, Notification } from './notification.js';
import type { RegionState } from './region-state.js';
import { MemoryRegionSection } from './section.js';
import type { RangeChange } from './view-change.js';

type Listeners = readonly MemoryListener[];

/** A region's state before the commit that listeners are told of. */
export type Before = (region: MemoryRegion) => RegionState;

/**
 * Tells `listeners` which ranges of `space` changed: first what is gone, then what is new or stays
 * (QEMU: address_space_update_topology_pass).
 */
export function tellRangeChanges(
  notification: Notification,
  listeners: Listeners,
  space: AddressSpace,
  changes: readonly RangeChange[],
  before: Before,
): void {
  for (const { kind, range, oldDirtyLogMask } of changes) {
    const { region } = range;
    const section = new MemoryRegionSection(space, range);
    if (kind === 'del') tellGone(notification, listeners, section, before(region).coalescedRanges);
    if (kind === 'add') tellNew(notification, listeners, section, region.coalescedRanges);
    if (kind !== 'keep') continue;
    tellKept(notification, listeners, section, oldDirtyLogMask);
    tellCoalescedChange(notification, listeners, section, before(region).coalescedRanges);
  }
}

/** Tells `listeners` which ioeventfds of `space` changed (QEMU: address_space_update_ioeventfds). */
export function tellIoEventFdChanges(
  notification: Notification,
  listeners: Listeners,
  space: AddressSpace,
  changes: readonly RangeChange[],
  before: Before,
): void {
  const gone: ShownIoEventFd[] = [];
  const present: ShownIoEventFd[] = [];
  for (const { kind, range } of changes) {
    const { region } = range;
    const section = new MemoryRegionSection(space, range);
    if (kind !== 'add') gone.push(...shownIoEventFds(before(region).ioeventfds, section));
    if (kind !== 'del') present.push(...shownIoEventFds(region.ioeventfds, section));
  }
  tellIoEventFds(notification, listeners, gone, present);
}

/** Tells a new listener of all that shows in `space` (QEMU: listener_add_address_space). */
export function tellEverything(
  notification: Notification,
  listener: MemoryListener,
  space: AddressSpace,
): void {
  const shown: ShownIoEventFd[] = [];
  for (const range of space.flatView.ranges()) {
    const section = new MemoryRegionSection(space, range);
    const { ioeventfds, coalescedRanges } = range.region;
    tellNew(notification, [listener], section, coalescedRanges);
    tellKept(notification, [listener], section, 0, false);
    shown.push(...shownIoEventFds(ioeventfds, section));
  }
  tellIoEventFds(notification, [listener], [], shown);
}

/** Tells a leaving listener that all that shows in `space` is gone (QEMU: listener_del_address_space). */
export function tellEverythingGone(
  notification: Notification,
  listener: MemoryListener,
  space: AddressSpace,
): void {
  const shown: ShownIoEventFd[] = [];
  for (const range of space.flatView.ranges()) {
    const section = new MemoryRegionSection(space, range);
    const { ioeventfds, coalescedRanges } = range.region;
    const mask = section.dirtyLogMask;
    if (mask !== 0) notification.tell([listener], 'reverse', 'logStop', section, mask, 0);
    tellGone(notification, [listener], section, coalescedRanges);
    shown.push(...shownIoEventFds(ioeventfds, section));
  }
  tellIoEventFds(notification, [listener], shown, []);
}

function tellGone(
  notification: Notification,
  listeners: Listeners,
  section: MemoryRegionSection,
  coalesced: readonly CoalescedRange[],
): void {
  tellCoalesced(notification, listeners, 'coalescedIoDel', section, coalesced);
  notification.tell(listeners, 'reverse', 'regionDel', section);
}

function tellNew(
  notification: Notification,
  listeners: Listeners,
  section: MemoryRegionSection,
  coalesced: readonly CoalescedRange[],
): void {
  notification.tell(listeners, 'forward', 'regionAdd', section);
  tellCoalesced(notification, listeners, 'coalescedIoAdd', section, coalesced);
}

function tellKept(
  notification: Notification,
  listeners: Listeners,
  section: MemoryRegionSection,
  oldMask: number,
  nop = true,
): void {
  const mask = section.dirtyLogMask;
  if (nop) notification.tell(listeners, 'forward', 'regionNop', section);
  if (mask & ~oldMask) notification.tell(listeners, 'forward', 'logStart', section, oldMask, mask);
  if (oldMask & ~mask) notification.tell(listeners, 'reverse', 'logStop', section, oldMask, mask);
}

/** Tells which coalesced ranges of a range that stays are gone, and which are new. */
function tellCoalescedChange(
  notification: Notification,
  listeners: Listeners,
  section: MemoryRegionSection,
  before: readonly CoalescedRange[],
): void {
  const now = section.region.coalescedRanges;
  if (before === now) return;
  const gone = before.filter((range) => !now.includes(range));
  const fresh = now.filter((range) => !before.includes(range));
  tellCoalesced(notification, listeners, 'coalescedIoDel', section, gone);
  tellCoalesced(notification, listeners, 'coalescedIoAdd', section, fresh);
}

function tellCoalesced(
  notification: Notification,
  listeners: Listeners,
  name: 'coalescedIoAdd' | 'coalescedIoDel',
  section: MemoryRegionSection,
  coalesced: readonly CoalescedRange[],
): void {
  const direction: Direction = name === 'coalescedIoAdd' ? 'forward' : 'reverse';
  for (const range of coalesced) {
    const shown = shownAddresses(range, section);
    if (shown === undefined) continue;
    notification.tell(listeners, direction, name, section, shown.address, shown.size);
  }
}

/**
 * Dels go from low priority to high and adds the other way: the opposite of ranges, as in QEMU. But unlike there all dels
 * come first: the kernel refuses one that matches the same writes as another (EEXIST), so an eventfd that replaces
 * another one must come after it.
 */
function tellIoEventFds(
  notification: Notification,
  listeners: Listeners,
  before: readonly ShownIoEventFd[],
  after: readonly ShownIoEventFd[],
): void {
  const changes = ioEventFdChanges(before, after);
  for (const { ioeventfd, section } of changes.filter(({ added }) => !added)) {
    notification.tell(listeners, 'forward', 'eventfdDel', section, ioeventfd);
  }
  for (const { ioeventfd, section } of changes.filter(({ added }) => added)) {
    notification.tell(listeners, 'reverse', 'eventfdAdd', section, ioeventfd);
  }
}
