import type { AddressSpace } from '../address-space.js';
import type { ConsumerVerdict } from '../explain/consumer-verdict.js';
import type { IoEventFd } from '../regions/ioeventfd.js';
import type { MemoryRegionSection } from '../views/section.js';

/**
 * Hears what a commit changes: the way from the flat view into a kernel or a device. Every method is optional.
 *
 * At each commit that changes something every listener's `begin` is called, lowest `priority` first. Then, one
 * address space after the other: for each range that is gone, ascending, `coalescedIoDel` and `regionDel`, highest
 * priority first; for each that is new or stays, ascending, `regionAdd` and `coalescedIoAdd`, or `regionNop` and
 * `logStart`, lowest priority first (`logStop` and `coalescedIoDel` the other way); then every `eventfdDel`, lowest
 * priority first, and then every `eventfdAdd`, highest first. Then every `commit`, lowest priority first. A range that changes in anything
 * but its dirty-log mask is deleted and added. (QEMU: address_space_update_topology_pass.)
 *
 * Flat views and lookups are those from before the commit until the last `commit` has returned, as a commit can
 * still fail. Within a callback the tree can't be changed (`ERR_CHANGE_IN_LISTENER`).
 *
 * A callback that throws must have had no effect, and a `commit` that throws must have left things as they were
 * before its `begin`. The whole commit is then undone for all: listeners hear the opposite of what they heard, in
 * reverse order (bracketed by `begin` and `commit` again where `commit` was called already), the tree and the views
 * are as before, and the caller gets one `ERR_LISTENER_FAILED`. Which callbacks a listener has must not change while
 * it is being told of a commit: what it heard, and so what is taken back, follows from that.
 *
 * @example
 * ```ts
 * import { type MemoryListener, MemoryTopology } from 'flatview';
 *
 * const heard: string[] = [];
 * const listener: MemoryListener = {
 *   regionAdd: ({ region, address }) => heard.push(`+${region.name} at 0x${address.toString(16)}`),
 *   regionDel: ({ region }) => heard.push(`-${region.name}`),
 * };
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const bar = topology.reservation('bar0', 0x1000n);
 * system.addSubregion(0xfebf_0000n, bar);
 * topology.addressSpace('memory', system).addListener(listener);
 * bar.address = 0xfebf_1000n;
 * heard; // => ['+bar0 at 0xfebf0000', '-bar0', '+bar0 at 0xfebf1000']
 * ```
 */
export interface MemoryListener {
  /** What messages call it. Default: the name of its class. */
  readonly name?: string;
  /**
   * Place among the listeners, read once when it is added: adds go from the lowest priority to the highest, dels from
   * the highest to the lowest; among equals the one that was added first comes first. Default: 0; QEMU gives the
   * accelerators 10.
   */
  readonly priority?: number;
  /** A commit's changes of an address space that it listens to are about to be told. */
  begin?(): void;
  /** All changes were told. What this throws takes the commit back. */
  commit?(): void;
  /** A range has come into the view. */
  regionAdd?(section: MemoryRegionSection): void;
  /** A range has gone from the view. */
  regionDel?(section: MemoryRegionSection): void;
  /** Called for every range that stays as it was, which costs time at each commit: only for who really needs it. */
  regionNop?(section: MemoryRegionSection): void;
  /** More clients watch the range; masks of `dirtyLogClients` before and after. */
  logStart?(section: MemoryRegionSection, oldMask: number, newMask: number): void;
  /** Fewer clients watch the range. */
  logStop?(section: MemoryRegionSection, oldMask: number, newMask: number): void;
  /** Asks for the pages that were written: they go into the region's dirty state. */
  logSync?(section: MemoryRegionSection): void;
  /**
   * A client has taken what was written in the section, and is about to read it: who leaves pages unwatched once they
   * were written watches them again.
   */
  logClear?(section: MemoryRegionSection): void;
  /** All memory is going to be watched. */
  logGlobalStart?(): void;
  /** Memory is no longer watched as a whole. */
  logGlobalStop?(): void;
  /** `ioeventfd.address` is an address here. */
  eventfdAdd?(section: MemoryRegionSection, ioeventfd: IoEventFd): void;
  /** The opposite of {@link eventfdAdd}. */
  eventfdDel?(section: MemoryRegionSection, ioeventfd: IoEventFd): void;
  /** Writes to `size` bytes at `address` may be gathered; cut to the section. */
  coalescedIoAdd?(section: MemoryRegionSection, address: bigint, size: bigint): void;
  /** The opposite of {@link coalescedIoAdd}. */
  coalescedIoDel?(section: MemoryRegionSection, address: bigint, size: bigint): void;
  /**
   * What it has made of `address`, for who asks why something is slow or out of reach; `undefined` where nothing
   * answers, or where it has no opinion. Never called while listeners are being told of a change.
   */
  verdictAt?(address: bigint, space: AddressSpace): ConsumerVerdict | undefined;
}

/** @internal What messages call `listener`. */
export function listenerName(listener: MemoryListener): string {
  return (
    listener.name ?? (listener.constructor === Object ? 'listener' : listener.constructor.name)
  );
}
