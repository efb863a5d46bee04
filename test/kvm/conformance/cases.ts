// What the kernel makes of the ioctls of a VM, as data: each case is a list of calls with what each one gives. Every
// implementation of KvmVm runs all of them. Verified against Linux 6.18 on x86.

import {
  type IoEventFdRequest,
  type KvmVm,
  kvmCapability,
  manualDirtyLogProtect,
  maxSlotPages,
  userMemoryFlag,
} from '../../../lib/kvm/index.js';

/** What a case works with. */
export interface Bench {
  readonly vm: KvmVm;
  /** Where 16 MiB of this process are mapped. */
  readonly hostAddress: bigint;
  /** Where user space ends. */
  readonly userSpaceEnd: bigint;
  /** Two eventfds, an open file descriptor of another kind, and one that is closed. */
  readonly fds: {
    readonly a: number;
    readonly b: number;
    readonly other: number;
    readonly closed: number;
  };
  /** A guest_memfd of the VM, of 1 MiB. */
  readonly guestMemfd?: number;
}

/** One call. */
export interface Step {
  readonly call: (bench: Bench) => void;
  /** Name of the error, or `ok`. */
  readonly gives: string;
  /** For messages. */
  readonly what: string;
}

export interface Case {
  readonly name: string;
  /** A capability without which the case says nothing. */
  readonly needs?: number;
  readonly steps: readonly Step[];
}

const page = 0x1000n;
const { readonly, logDirtyPages } = userMemoryFlag;

interface SlotDetails {
  readonly flags?: number;
  /** Offset from the bench's memory; default 0. */
  readonly host?: bigint;
  /** Another address in this process. */
  readonly hostAddress?: bigint;
  /** Another address, as a distance from the end of user space. */
  readonly fromUserSpaceEnd?: bigint;
  /** Offset in the bench's guest_memfd. */
  readonly guestMemfd?: bigint;
  readonly gives?: string;
}

function slot(number: number, guestAddress: bigint, size: bigint, more: SlotDetails = {}): Step {
  const { flags = 0, gives = 'ok', guestMemfd } = more;
  return {
    what: `slot 0x${number.toString(16)}: 0x${size.toString(16)} bytes at 0x${guestAddress.toString(16)}, flags ${flags}`,
    gives,
    call: (bench) =>
      bench.vm.setUserMemoryRegion({
        slot: number,
        flags,
        guestAddress,
        size,
        hostAddress: hostAddressOf(bench, more),
        ...(guestMemfd === undefined
          ? {}
          : { guestMemfd: { fd: bench.guestMemfd ?? -1, offset: guestMemfd } }),
      }),
  };
}

function hostAddressOf(
  bench: Bench,
  { host = 0n, hostAddress, fromUserSpaceEnd }: SlotDetails,
): bigint {
  if (fromUserSpaceEnd !== undefined) return bench.userSpaceEnd - fromUserSpaceEnd;
  return hostAddress ?? bench.hostAddress + host;
}

function remove(number: number, gives = 'ok'): Step {
  return slot(number, 0n, 0n, { gives });
}

interface EventFdDetails {
  readonly fd?: keyof Bench['fds'];
  readonly data?: bigint;
  readonly pio?: boolean;
  readonly deassign?: boolean;
  readonly gives?: string;
}

function eventFd(address: bigint, length: number, more: EventFdDetails = {}): Step {
  const { fd = 'a', data, pio = false, deassign = false, gives = 'ok' } = more;
  return {
    what: `${deassign ? 'deassign' : 'assign'} ${fd} at 0x${address.toString(16)}, ${length} bytes, data ${data}`,
    gives,
    call: ({ vm, fds }) =>
      vm.ioEventFd({
        address,
        length: length as IoEventFdRequest['length'],
        fd: fds[fd],
        ...(data === undefined ? {} : { dataMatch: data }),
        pio,
        deassign,
      }),
  };
}

function zone(
  action: 'register' | 'unregister',
  address: bigint,
  size: number,
  { pio = false, gives = 'ok' } = {},
): Step {
  return {
    what: `${action} ${size} bytes at 0x${address.toString(16)}${pio ? ' of ports' : ''}`,
    gives,
    call: ({ vm }) =>
      action === 'register'
        ? vm.registerCoalescedMmio({ address, size, pio })
        : vm.unregisterCoalescedMmio({ address, size, pio }),
  };
}

/** Reads a dirty log of `words` words, and compares the first ones. */
function dirtyLog(number: number, words: number, expected: readonly bigint[], gives = 'ok'): Step {
  return {
    what: `dirty log of slot 0x${number.toString(16)}: ${expected.map((it) => it.toString(16))}`,
    gives,
    call: ({ vm }) => {
      const bitmap = new BigUint64Array(words);
      vm.getDirtyLog(number, bitmap);
      for (const [i, word] of expected.entries()) {
        if (bitmap[i] !== word) throw new Error(`word ${i} is ${bitmap[i]?.toString(16)}`);
      }
    },
  };
}

function clear(number: number, first: bigint, count: number, bits: bigint[], gives = 'ok'): Step {
  return {
    what: `clear ${count} pages from ${first} on of slot 0x${number.toString(16)}`,
    gives,
    call: ({ vm }) => {
      const bitmap = new BigUint64Array(Math.ceil(count / 64) + 1);
      bitmap.set(bits);
      vm.clearDirtyLog(number, first, count, bitmap);
    },
  };
}

function protectManually(argument: number, gives = 'ok'): Step {
  return {
    what: `manual dirty log protection ${argument}`,
    gives,
    call: ({ vm }) => vm.enableCapability(kvmCapability.manualDirtyLogProtect2, BigInt(argument)),
  };
}

const none = 0n;
const all = (1n << 64n) - 1n;
const invalid = { gives: 'EINVAL' };
const taken = { gives: 'EEXIST' };

const slots: readonly Case[] = [
  {
    name: 'a slot is whole pages',
    steps: [
      slot(0, page, 0x100n, invalid),
      slot(0, page + 1n, page, invalid),
      slot(0, page, page, { host: 1n, ...invalid }),
      slot(0, page, 2n * page),
    ],
  },
  {
    name: 'the same slot again is nothing',
    steps: [slot(0, page, 2n * page), slot(0, page, 2n * page), remove(0), remove(0, 'EINVAL')],
  },
  {
    name: 'a slot keeps its size, its host address and whether it is read-only',
    steps: [
      slot(0, page, 2n * page),
      slot(0, page, 3n * page, invalid),
      slot(0, page, page, invalid),
      slot(0, page, 2n * page, { host: page, ...invalid }),
      slot(0, page, 2n * page, { flags: readonly, ...invalid }),
      slot(1, 8n * page, page, { flags: readonly }),
      slot(1, 8n * page, page, invalid),
      slot(1, 8n * page, page, { flags: readonly | logDirtyPages }),
    ],
  },
  {
    name: 'a slot moves, also onto a part of its old place, and changes its dirty log with it',
    steps: [
      slot(0, page, 2n * page),
      slot(0, 2n * page, 2n * page),
      slot(0, 3n * page, 2n * page, { flags: logDirtyPages }),
      slot(0, 8n * page, 2n * page),
      slot(1, page, 4n * page),
      slot(0, 4n * page, 2n * page, taken),
      slot(0, 5n * page, 2n * page),
      slot(0, 6n * page, 2n * page, { host: page, ...invalid }),
      slot(2, 6n * page, page, taken),
      slot(2, 7n * page, page, { flags: readonly }),
      slot(2, 9n * page, page, { flags: readonly }),
      slot(2, 10n * page, page, invalid),
    ],
  },
  {
    name: 'slots of one address space do not overlap',
    steps: [
      slot(0, page, 2n * page),
      slot(1, 2n * page, page, taken),
      slot(1, 0n, 2n * page, taken),
      slot(1, 0n, 8n * page, taken),
      slot(1, 0n, page),
      slot(2, 3n * page, page),
    ],
  },
  {
    name: 'the same memory can show in several slots',
    steps: [
      slot(0, page, page),
      slot(1, 8n * page, page),
      slot(2, 16n * page, page, { flags: readonly }),
    ],
  },
  {
    name: 'unknown flags are refused, also in a delete',
    steps: [
      slot(0, page, page, { flags: 8, ...invalid }),
      slot(0, page, page, { flags: userMemoryFlag.guestMemfd, ...invalid }),
      slot(0, page, page),
      slot(0, 0n, 0n, { flags: 8, ...invalid }),
    ],
  },
  {
    name: 'a delete looks at the alignment of addresses too',
    steps: [
      slot(0, page, page),
      slot(0, page + 1n, 0n, invalid),
      slot(0, page, 0n, { host: 1n, ...invalid }),
      slot(0, 9n * page, 0n, { host: page }),
    ],
  },
  {
    name: 'slot numbers end at KVM_CAP_NR_MEMSLOTS, address spaces at KVM_CAP_MULTI_ADDRESS_SPACE',
    steps: [
      slot(32763, page, page),
      slot(32764, 8n * page, page, invalid),
      slot(0xffff, 8n * page, page, invalid),
      slot(9 << 16, 8n * page, page, invalid),
    ],
  },
  {
    name: 'each address space has its own slots',
    needs: kvmCapability.multiAddressSpace,
    steps: [
      slot(0, page, 2n * page),
      slot(0x10000, page, 2n * page),
      slot(0x10001, 2n * page, page, taken),
      remove(0),
      slot(0x10000, 4n * page, 2n * page),
      remove(0x10000),
    ],
  },
  {
    name: 'guest addresses do not wrap, and end where the processor ends',
    steps: [
      slot(0, (1n << 64n) - page, page, invalid),
      slot(0, (1n << 64n) - page, 2n * page, invalid),
      slot(0, 1n << 52n, page, invalid),
      slot(0, 1n << 63n, page, invalid),
      slot(0, (1n << 36n) - page, page),
      slot(0, 1n << 52n, page, invalid),
    ],
  },
  {
    name: 'the memory behind a slot is looked at only when the guest touches it, but it is in user space',
    steps: [
      slot(0, page, page, { hostAddress: page }),
      slot(1, 8n * page, page, { hostAddress: 0xffff_8000_0000_0000n, ...invalid }),
      slot(1, 8n * page, page, { fromUserSpaceEnd: 0n, ...invalid }),
      slot(1, 8n * page, page, { fromUserSpaceEnd: page }),
      slot(2, 16n * page, 1n << 34n, { hostAddress: 0x7000_0000_0000n }),
      slot(3, 1n << 43n, 1n << 47n, invalid),
    ],
  },
  {
    // To make one takes the kernel gigabytes: that it overlaps another one says that its size is not what is wrong.
    name: 'a slot has up to 2^31 - 1 pages',
    steps: [
      slot(1, 1n << 32n, page),
      slot(0, 1n << 32n, (maxSlotPages + 1n) * page, { hostAddress: page, ...invalid }),
      slot(0, 1n << 32n, maxSlotPages * page, { hostAddress: page, gives: 'EEXIST' }),
    ],
  },
];

const guestMemfd: readonly Case[] = [
  {
    name: 'a slot with guest_memfd can be deleted, and nothing else',
    needs: kvmCapability.guestMemfd,
    steps: [
      slot(0, page, 16n * page, { guestMemfd: 0n }),
      slot(0, page, 16n * page, { guestMemfd: 0n, ...invalid }),
      slot(0, 64n * page, 16n * page, { guestMemfd: 0n, ...invalid }),
      slot(0, page, 16n * page, invalid),
      remove(0),
      slot(0, page, 16n * page, { guestMemfd: 0n }),
    ],
  },
  {
    name: 'a slot with guest_memfd is neither read-only nor watched',
    needs: kvmCapability.guestMemfd,
    steps: [
      slot(0, page, page, { guestMemfd: 0n, flags: readonly, ...invalid }),
      slot(0, page, page, { guestMemfd: 0n, flags: logDirtyPages, ...invalid }),
      slot(0, page, page, { guestMemfd: 1n, ...invalid }),
    ],
  },
];

const dirtyLogs: readonly Case[] = [
  {
    name: 'the dirty log is there while the flag is',
    steps: [
      slot(7, 64n * page, 512n * page),
      dirtyLog(7, 8, [], 'ENOENT'),
      slot(7, 64n * page, 512n * page, { flags: logDirtyPages }),
      dirtyLog(7, 8, [none, none, none, none, none, none, none, none]),
      slot(7, 64n * page, 512n * page),
      dirtyLog(7, 8, [], 'ENOENT'),
      dirtyLog(99, 8, [], 'ENOENT'),
      dirtyLog(40000, 8, [], 'EINVAL'),
      dirtyLog(9 << 16, 8, [], 'EINVAL'),
    ],
  },
  {
    name: 'pages are cleared in groups of 64, or to the end',
    steps: [
      slot(7, 64n * page, 500n * page, { flags: logDirtyPages }),
      clear(7, 0n, 64, []),
      clear(7, 1n, 64, [], 'EINVAL'),
      clear(7, 64n, 63, [], 'EINVAL'),
      clear(7, 448n, 52, []),
      clear(7, 448n, 51, [], 'EINVAL'),
      clear(7, 448n, 64, [], 'EINVAL'),
      clear(7, 512n, 64, [], 'EINVAL'),
      clear(7, 0n, 0, []),
      clear(99, 0n, 64, [], 'ENOENT'),
      clear(40000, 0n, 64, [], 'EINVAL'),
    ],
  },
  {
    name: 'manual protection: which arguments there are',
    needs: kvmCapability.manualDirtyLogProtect2,
    steps: [
      protectManually(1),
      protectManually(3),
      protectManually(2, 'EINVAL'),
      protectManually(4, 'EINVAL'),
      protectManually(0),
      {
        what: 'another capability',
        gives: 'EINVAL',
        call: ({ vm }) => vm.enableCapability(9999, 0n),
      },
    ],
  },
  {
    name: 'manual protection: all is dirty at first, and stays so until it is cleared, through a move too',
    needs: kvmCapability.manualDirtyLogProtect2,
    steps: [
      protectManually(manualDirtyLogProtect.enable | manualDirtyLogProtect.initiallySet),
      slot(7, 64n * page, 500n * page, { flags: logDirtyPages }),
      dirtyLog(7, 8, [all, all, all, all, all, all, all, (1n << 52n) - 1n]),
      dirtyLog(7, 8, [all]),
      clear(7, 64n, 64, [0xf0n]),
      dirtyLog(7, 8, [all, all & ~0xf0n, all]),
      slot(7, 1024n * page, 500n * page, { flags: logDirtyPages }),
      dirtyLog(7, 8, [all, all & ~0xf0n, all]),
      clear(7, 448n, 52, [1n]),
      dirtyLog(7, 8, [all, all & ~0xf0n, all, all, all, all, all, (1n << 52n) - 2n]),
      slot(7, 1024n * page, 500n * page),
      slot(7, 1024n * page, 500n * page, { flags: logDirtyPages }),
      dirtyLog(7, 8, [all, all]),
    ],
  },
];

const ioEventFds: readonly Case[] = [
  {
    name: 'two ioeventfds that match the same write are refused',
    steps: [
      eventFd(0x1000n, 4),
      eventFd(0x1000n, 4, taken),
      eventFd(0x1000n, 4, { fd: 'b', ...taken }),
      eventFd(0x1000n, 2, { fd: 'b' }),
      eventFd(0x1000n, 0, { fd: 'b', ...taken }),
      eventFd(0x1000n, 4, { fd: 'b', data: 5n, ...taken }),
      eventFd(0x1000n, 4, { pio: true }),
      eventFd(0x1002n, 4),
    ],
  },
  {
    name: 'with values they differ by these',
    steps: [
      eventFd(0x2000n, 4, { data: 1n }),
      eventFd(0x2000n, 4, { data: 2n }),
      eventFd(0x2000n, 4, { data: 1n, ...taken }),
      eventFd(0x2000n, 4, taken),
      eventFd(0x2000n, 4, { data: 1n, deassign: true }),
      eventFd(0x2000n, 4, { data: 1n, fd: 'b' }),
    ],
  },
  {
    name: 'a removal names all that was given',
    steps: [
      eventFd(0x1000n, 4),
      eventFd(0x1000n, 4, { fd: 'b', deassign: true, gives: 'ENOENT' }),
      eventFd(0x1000n, 4, { data: 7n, deassign: true, gives: 'ENOENT' }),
      eventFd(0x1000n, 2, { deassign: true, gives: 'ENOENT' }),
      eventFd(0x1000n, 4, { pio: true, deassign: true, gives: 'ENOENT' }),
      eventFd(0x1004n, 4, { deassign: true, gives: 'ENOENT' }),
      eventFd(0x1000n, 3, { deassign: true, gives: 'ENOENT' }),
      eventFd(0x1000n, 4, { fd: 'closed', deassign: true, gives: 'EBADF' }),
      eventFd(0x1000n, 4, { fd: 'other', deassign: true, ...invalid }),
      eventFd(0x1000n, 4, { deassign: true }),
      eventFd(0x1000n, 4, { deassign: true, gives: 'ENOENT' }),
    ],
  },
  {
    name: 'widths are 1, 2, 4, 8, or any without a value; addresses do not wrap',
    steps: [
      eventFd(0x3000n, 3, invalid),
      eventFd(0x3000n, 16, invalid),
      eventFd(0x3000n, 0, { data: 1n, ...invalid }),
      eventFd(0x3000n, 0),
      eventFd(0x3000n, 8, taken),
      eventFd(0x3000n, 0, { deassign: true }),
      eventFd(0x3000n, 8),
      eventFd((1n << 64n) - 2n, 4, invalid),
      eventFd((1n << 64n) - 4n, 4, invalid),
      eventFd((1n << 64n) - 8n, 4),
      eventFd((1n << 64n) - 1n, 0),
    ],
  },
  {
    name: 'a value is compared as a whole',
    steps: [
      eventFd(0x5000n, 1, { data: 0x105n }),
      eventFd(0x5000n, 1, { data: 5n }),
      eventFd(0x5000n, 1, { data: 5n, deassign: true }),
      eventFd(0x5000n, 1, { data: 0x105n, deassign: true }),
    ],
  },
  {
    name: 'it is an eventfd, and open',
    steps: [
      eventFd(0x3000n, 4, { fd: 'closed', gives: 'EBADF' }),
      eventFd(0x3000n, 4, { fd: 'other', ...invalid }),
    ],
  },
];

const zones: readonly Case[] = [
  {
    name: 'zones may overlap, be there twice, be empty',
    steps: [
      zone('register', 0x1000n, 0x1000),
      zone('register', 0x1000n, 0x1000),
      zone('register', 0x1800n, 0x10),
      zone('register', 0x1000n, 0),
      zone('register', 0x1000n, 0x10, { pio: true }),
      zone('unregister', 0x9000n, 0x10),
      zone('unregister', 0x1000n, 0x10),
      zone('unregister', 0x1000n, 0x10, { pio: true }),
    ],
  },
  {
    name: 'there are a thousand, of each bus; a full one takes no ioeventfd either',
    steps: [
      ...Array.from({ length: 1000 }, (_, i) => zone('register', 0x10000n + BigInt(i) * 16n, 16)),
      zone('register', 0x10000n, 16, { gives: 'ENOSPC' }),
      eventFd(0x6000n, 4, { gives: 'ENOSPC' }),
      zone('register', 0x10n, 16, { pio: true }),
      zone('unregister', 0x10000n, 16),
      zone('register', 0x10000n, 16),
      zone('register', 0x10000n, 16, { gives: 'ENOSPC' }),
    ],
  },
  {
    name: 'a removal takes every zone that holds it; a size of 2 GiB or more is none',
    steps: [
      ...Array.from({ length: 998 }, (_, i) => zone('register', 0x10000n + BigInt(i) * 16n, 16)),
      zone('register', 0x100000n, 0x8000_0000),
      zone('register', 0x100000n, 0xffff_ffff),
      zone('unregister', 0x100000n, 0x8000_0000),
      zone('unregister', 0x100000n, 0xffff_ffff),
      zone('register', 0x10n, 16, { gives: 'ENOSPC' }),
      zone('unregister', 0x100000n, 0x1000),
      zone('register', 0x10n, 16),
      zone('register', 0x20n, 16),
      zone('register', 0x30n, 16, { gives: 'ENOSPC' }),
    ],
  },
];

/** All cases. */
export const cases: readonly Case[] = [
  ...slots,
  ...guestMemfd,
  ...dirtyLogs,
  ...ioEventFds,
  ...zones,
];
