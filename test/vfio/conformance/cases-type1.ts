import type { DmaMapping } from '../../../lib/vfio/index.js';
import { vfioExtension } from '../../../lib/vfio/index.js';
import type { Session } from './bench.js';
import { type Case, refused, type Step, step } from './case.js';

const { type1, type1v2 } = vfioExtension;
const page = 0x1000n;
const mebibyte = 1n << 20n;
const window = { start: 0xfee0_0000n, end: 0xfef0_0000n };

interface MapDetails extends Partial<Pick<DmaMapping, 'read' | 'write'>> {
  /** Offset from the bench's memory; default 0. */
  readonly host?: bigint;
  /** Another address in this process. */
  readonly hostAddress?: (session: Session) => bigint;
  readonly gives?: string;
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function map(iova: bigint, size: bigint, more: MapDetails = {}): Step {
  const { host = 0n, hostAddress, read = true, write = true, gives = 'ok' } = more;
  return {
    what: `map ${hex(size)} bytes at ${hex(iova)}`,
    gives,
    call: (session) =>
      session.mapper().mapDma({
        iova,
        size,
        hostAddress: hostAddress?.(session) ?? session.bench.memory.hostAddress + host,
        read,
        write,
      }),
  };
}

function unmap(address: bigint, size: bigint, bytes: bigint | string): Step {
  const what = `unmap ${hex(size)} bytes at ${hex(address)}`;
  const call = (session: Session): bigint => session.mapper().unmapDma({ address, size });
  return typeof bytes === 'string' ? { what, call, gives: bytes } : { what, call, returns: bytes };
}

function left(count: number): Step {
  return step(`${count} left`, (s) => s.mapper().iommuInfo().mappingsLeft, { returns: count });
}

function dirty(address: bigint, size: bigint, words: readonly bigint[], gives = 'ok'): Step {
  return {
    what: `dirty pages of ${hex(size)} bytes at ${hex(address)}`,
    gives,
    call: (session) => {
      const bitmap = new BigUint64Array(Math.max(1, words.length));
      session.mapper().getDirtyBitmap({ iova: address, size, pageSize: page, bitmap });
      return [...bitmap];
    },
    ...(gives === 'ok' ? { returns: words } : {}),
  };
}

export const type1Cases: readonly Case[] = [
  {
    name: 'pages are whole: of the IOVA, the memory, and the size',
    steps: [
      map(1n, page, { gives: 'EINVAL' }),
      map(0x800n, page, { gives: 'EINVAL' }),
      map(0n, page, { host: 1n, gives: 'EINVAL' }),
      map(0n, page, { host: 0x800n, gives: 'EINVAL' }),
      map(0n, 256n, { gives: 'EINVAL' }),
      map(0n, 4097n, { gives: 'EINVAL' }),
      map(0n, 0n, { gives: 'EINVAL' }),
      map(0n, page),
    ],
  },
  {
    name: 'something is allowed to the device',
    steps: [
      map(0n, page, { read: false, write: false, gives: 'EINVAL' }),
      map(0n, page, { read: true, write: false }),
      map(page, page, { read: false, write: true }),
    ],
  },
  {
    name: 'addresses do not wrap',
    steps: [
      map((1n << 64n) - page, 2n * page, { gives: 'EINVAL' }),
      map(0n, page, { hostAddress: () => (1n << 64n) - page, gives: 'EFAULT' }),
      map(0n, 2n * page, { hostAddress: () => (1n << 64n) - page, gives: 'EINVAL' }),
    ],
  },
  {
    name: 'VT-d of 39 bits: the last page is mapped, the first one behind it is not',
    needs: 'vtd',
    steps: [
      map((1n << 39n) - page, page),
      map(1n << 39n, page, { gives: 'EINVAL' }),
      map(1n << 63n, page, { gives: 'EINVAL' }),
      map((1n << 64n) - page, page, { gives: 'EINVAL' }),
      map((1n << 39n) - 2n * page, 4n * page, { gives: 'EEXIST' }),
      unmap((1n << 39n) - page, page, page),
      map((1n << 39n) - 2n * page, 4n * page, { gives: 'EINVAL' }),
    ],
  },
  {
    name: 'the window of interrupts is left out',
    steps: [
      map(window.start, page, { gives: 'EINVAL' }),
      map(window.end - page, page, { gives: 'EINVAL' }),
      map(window.start - page, 2n * page, { gives: 'EINVAL' }),
      map(window.start - page, 2n * mebibyte, { gives: 'EINVAL' }),
      map(window.start - page, page),
      map(window.end, page),
    ],
  },
  {
    name: 'mappings do not overlap; the same memory can be mapped twice',
    steps: [
      map(mebibyte, mebibyte),
      map(mebibyte, mebibyte, { gives: 'EEXIST' }),
      map(mebibyte, page, { gives: 'EEXIST' }),
      map(2n * mebibyte - page, 2n * page, { gives: 'EEXIST' }),
      map(0n, 4n * mebibyte, { gives: 'EEXIST' }),
      map(2n * mebibyte, mebibyte),
      map(0n, mebibyte),
    ],
  },
  {
    name: 'the memory is there, and may be written where the device may',
    steps: [
      map(0n, page, { hostAddress: (s) => s.bench.lastPage + page, gives: 'EFAULT' }),
      map(0n, page, { hostAddress: () => 0xffff_8880_0000_0000n, gives: 'EFAULT' }),
      map(0n, page, { hostAddress: (s) => s.bench.readonlyPage, gives: 'EFAULT' }),
      map(0n, page, { hostAddress: (s) => s.bench.readonlyPage, write: false }),
      map(page, 2n * page, { hostAddress: (s) => s.bench.lastPage, gives: 'EFAULT' }),
      map(page, page, { hostAddress: (s) => s.bench.lastPage }),
      left(65533),
    ],
  },
  {
    name: "another device's BAR can be mapped, while it answers",
    steps: [
      map(0n, mebibyte, { hostAddress: (s) => s.barOf('edu', 0).hostAddress }),
      map(mebibyte, page, { hostAddress: (s) => s.barOf('sdhci', 0).hostAddress }),
      step('no decode', (s) => s.device('sdhci').write(7, 4n, 0n, 2)),
      map(2n * mebibyte, page, {
        hostAddress: (s) => s.barOf('sdhci', 0).hostAddress,
        gives: 'EFAULT',
      }),
      step('decode', (s) => s.device('sdhci').write(7, 4n, 2n, 2)),
      map(2n * mebibyte, page, { hostAddress: (s) => s.barOf('sdhci', 0).hostAddress }),
    ],
  },
  {
    name: 'an unmap takes whole mappings, several or none',
    steps: [
      map(0n, mebibyte),
      map(mebibyte, mebibyte),
      map(4n * mebibyte, page),
      left(65532),
      unmap(0n, page, 'EINVAL'),
      unmap(page, page, 'EINVAL'),
      unmap(0n, mebibyte + page, 'EINVAL'),
      unmap(mebibyte - page, page, 'EINVAL'),
      unmap(8n * mebibyte, mebibyte, 0n),
      unmap(0n, 2n * mebibyte, 2n * mebibyte),
      unmap(0n, 2n * mebibyte, 0n),
      unmap(3n * mebibyte, 8n * mebibyte, page),
      left(65535),
    ],
  },
  {
    name: 'an unmap is of whole pages, and does not wrap',
    steps: [
      unmap(1n, page, 'EINVAL'),
      unmap(0n, 0x800n, 'EINVAL'),
      unmap(0n, 0n, 'EINVAL'),
      unmap((1n << 64n) - page, 2n * page, 'EINVAL'),
      unmap((1n << 64n) - page, page, 0n),
    ],
  },
  {
    name: 'all goes at once',
    steps: [
      map(0n, mebibyte),
      map(4n * mebibyte, page),
      step('unmap all', (s) => s.mapper().unmapAll(), { returns: mebibyte + page }),
      step('again', (s) => s.mapper().unmapAll(), { returns: 0n }),
    ],
  },
  {
    name: 'version 1 takes a mapping as a whole, where its first byte is in the range',
    steps: [
      step('type1', (s) => s.mapper(type1)),
      map(0n, mebibyte),
      unmap(page, page, 0n),
      unmap(0n, page, mebibyte),
      unmap(0n, page, 0n),
      map(mebibyte, mebibyte),
      unmap(0n, mebibyte + page, mebibyte),
    ],
  },
  {
    name: 'dirty pages are tracked from start to stop, and asked for of whole mappings',
    steps: [
      map(0n, 4n * page),
      dirty(0n, 4n * page, [], 'EINVAL'),
      step('start', (s) => s.mapper(type1v2).setDirtyTracking(true)),
      step('again', (s) => s.mapper().setDirtyTracking(true)),
      dirty(0n, 4n * page, [0xfn]),
      dirty(0n, 4n * page, [0xfn]),
      dirty(0n, 2n * page, [], 'EINVAL'),
      dirty(2n * page, 2n * page, [], 'EINVAL'),
      dirty(0n, 0n, [], 'EINVAL'),
      dirty(1n, page, [], 'EINVAL'),
      dirty(8n * page, page, [0n]),
      step(
        'unmap',
        (s) => {
          const bitmap = new BigUint64Array(1);
          const range = { address: 0n, size: 4n * page };
          const bytes = s.mapper().unmapDma(range, { pageSize: page, bitmap });
          return [bytes, ...bitmap];
        },
        { returns: [4n * page, 0xfn] },
      ),
      step('stop', (s) => s.mapper().setDirtyTracking(false)),
      step('again', (s) => s.mapper().setDirtyTracking(false)),
      dirty(0n, 4n * page, [], 'EINVAL'),
    ],
  },
  {
    name: 'version 1 tracks nothing',
    steps: [
      step('type1', (s) => s.mapper(type1)),
      refused('start', 'EACCES', (s) => s.mapper().setDirtyTracking(true)),
    ],
  },
];
