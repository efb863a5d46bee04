import { toAddress } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { littleEndian } from '../access/byte-order.js';
import type { Endianness } from '../access/mem-tx.js';
import type { MemoryRegionSection } from '../views/section.js';

/**
 * An eventfd that the kernel signals when the guest writes at an address, instead of an exit (KVM_IOEVENTFD).
 *
 * @example
 * ```ts
 * import { type IoEventFd, MemoryTopology } from 'flatview';
 *
 * const queueNotify: IoEventFd = { address: 0x3000n, size: 2, data: 1n, fd: 17 };
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const bar = topology.io('virtio-pci', 0x4000n, {});
 * bar.addIoEventFd(queueNotify);
 * system.addSubregion(0xfe00_0000n, bar);
 *
 * const told: IoEventFd[] = [];
 * topology.addressSpace('memory', system).addListener({
 *   eventfdAdd: (_section, ioeventfd) => told.push(ioeventfd),
 * });
 * told; // => [{ ...queueNotify, address: 0xfe00_3000n }]
 * topology.close();
 * ```
 */
export interface IoEventFd {
  /** In a region's list the offset within the region, in a listener's callback the address; bytes. */
  readonly address: bigint;
  /** Width of the write in bytes: 1, 2, 4 or 8; 0 matches any width. */
  readonly size: 0 | 1 | 2 | 4 | 8;
  /** The value that must be written, in the guest's byte order; `undefined` matches any value. */
  readonly data: bigint | undefined;
  /** The eventfd. */
  readonly fd: number;
}

/**
 * Order of ioeventfds: by address, width, whether a value is matched, the value, the file descriptor
 * (as QEMU compares them in memory_region_ioeventfd_before). Negative, zero or positive, as for a sort.
 */
export function compareIoEventFds(a: IoEventFd, b: IoEventFd): number {
  return (
    compare(a.address, b.address) ||
    compare(a.size, b.size) ||
    compare(Number(a.data !== undefined), Number(b.data !== undefined)) ||
    compare(a.data ?? 0n, b.data ?? 0n) ||
    compare(a.fd, b.fd)
  );
}

/**
 * `ioeventfd` as a region keeps it: its numbers checked, its data in the guest's byte order.
 *
 * @param what Names it in messages.
 * @param endianness The byte order of the device, which gives the data.
 * @throws `ERR_ADDRESS_RANGE`, `ERR_INVALID_ARGUMENT`
 */
export function checkIoEventFd(
  { address, size, data, fd }: IoEventFd,
  what: string,
  endianness: Endianness,
): IoEventFd {
  if (![0, 1, 2, 4, 8].includes(size)) {
    throw new FlatviewError('ERR_INVALID_ARGUMENT', `${what}: size ${size} is not 0, 1, 2, 4, 8`);
  }
  if (!Number.isInteger(fd) || fd < 0) {
    throw new FlatviewError('ERR_INVALID_ARGUMENT', `${what}: ${fd} is not a file descriptor`);
  }
  const value = data === undefined ? undefined : toAddress(data, `${what}: data`);
  return Object.freeze({
    address: toAddress(address, `${what}: offset`),
    size,
    data: value === undefined || size === 0 ? value : littleEndian(value, size, endianness),
    fd,
  });
}

/** An ioeventfd of a region where a section shows it: its `address` is one of the address space. */
export interface ShownIoEventFd {
  readonly ioeventfd: IoEventFd;
  readonly section: MemoryRegionSection;
}

/**
 * The ioeventfds of a region where `section` shows it. Those that the section doesn't touch are left out: one that
 * lies under another region must not fire. So is one that would begin below the first address of all.
 */
export function shownIoEventFds(
  ioeventfds: readonly IoEventFd[],
  section: MemoryRegionSection,
): ShownIoEventFd[] {
  const { address: start, offset, size: length } = section;
  return ioeventfds
    .filter(
      ({ address, size }) =>
        address < offset + length && address + BigInt(Math.max(size, 1)) > offset,
    )
    .map((it) => ({ ioeventfd: { ...it, address: start + (it.address - offset) }, section }))
    .filter(({ ioeventfd }) => ioeventfd.address >= 0n);
}

/** What became of an ioeventfd that showed or shows. */
export interface IoEventFdChange extends ShownIoEventFd {
  readonly added: boolean;
}

/**
 * The difference of two lists of ioeventfds, in the order of {@link compareIoEventFds}. What stands in both is left out.
 */
export function ioEventFdChanges(
  before: readonly ShownIoEventFd[],
  after: readonly ShownIoEventFd[],
): IoEventFdChange[] {
  const all = [
    ...before.map((shown) => ({ ...shown, added: false })),
    ...after.map((shown) => ({ ...shown, added: true })),
  ].sort(compareShown);
  const changes: IoEventFdChange[] = [];
  for (const change of all) {
    const last = changes.at(-1);
    // Sorting is stable: where two are equal, the one that showed before comes first.
    const cancels = last !== undefined && last.added !== change.added;
    if (cancels && compareShown(last, change) === 0) changes.pop();
    else changes.push(change);
  }
  return changes;
}

function compareShown(a: ShownIoEventFd, b: ShownIoEventFd): number {
  return compareIoEventFds(a.ioeventfd, b.ioeventfd);
}

function compare<T extends bigint | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
