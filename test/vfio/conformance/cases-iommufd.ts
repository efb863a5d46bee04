import type { DmaMapping } from '../../../lib/vfio/index.js';
import type { Session } from './bench.js';
import { type Case, refused, type Step, step } from './case.js';

const page = 0x1000n;
const mebibyte = 1n << 20n;

interface MapDetails extends Partial<Pick<DmaMapping, 'read' | 'write'>> {
  readonly host?: bigint;
  readonly hostAddress?: (session: Session) => bigint;
  readonly gives?: string;
}

/** Opens and binds the device, so that there is an IOMMU that has pages and reserves the window of interrupts. */
const attached: Step = step('attach edu', (s) => s.bound('edu'));

function map(iova: bigint, size: bigint, more: MapDetails = {}): Step {
  const { host = 0n, hostAddress, read = true, write = true, gives = 'ok' } = more;
  return {
    what: `map 0x${size.toString(16)} bytes at 0x${iova.toString(16)}`,
    gives,
    call: (session) =>
      session.ioas().mapDma({
        iova,
        size,
        hostAddress: hostAddress?.(session) ?? session.bench.memory.hostAddress + host,
        read,
        write,
      }),
  };
}

function unmap(address: bigint, size: bigint, bytes: bigint | string): Step {
  const what = `unmap 0x${size.toString(16)} bytes at 0x${address.toString(16)}`;
  const call = (session: Session): bigint => session.ioas().unmapDma({ address, size });
  return typeof bytes === 'string' ? { what, call, gives: bytes } : { what, call, returns: bytes };
}

const all: readonly Case[] = [
  {
    name: 'without a device everything can be mapped, in bytes',
    steps: [
      step('ranges', (s) => s.ioas().iovaRanges(), {
        returns: { ranges: [{ address: 0n, size: 1n << 64n }], alignment: 1n },
      }),
      map(0xfee0_0000n, page),
      map(1n << 60n, page),
    ],
  },
  {
    name: 'a device brings pages, ends and the window of interrupts',
    steps: [
      attached,
      step('alignment', (s) => s.ioas().iovaRanges().alignment, { returns: page }),
      step('the first range', (s) => s.ioas().iovaRanges().ranges[0], {
        returns: { address: 0n, size: 0xfee0_0000n },
      }),
      map(0xfee0_0000n, page, { gives: 'EINVAL' }),
      map(0xfedf_f000n, 2n * page, { gives: 'EINVAL' }),
      map(1n, page, { gives: 'EINVAL' }),
      map(0n, 256n, { gives: 'EINVAL' }),
      map(0n, 0n, { gives: 'EINVAL' }),
      map(0n, page, { host: 1n, gives: 'EINVAL' }),
      map(0n, page, { read: false, write: false, gives: 'EINVAL' }),
      map((1n << 64n) - page, 2n * page, { gives: 'EOVERFLOW' }),
      map(0n, page),
    ],
  },
  {
    name: 'a device is not attached where something is mapped that its IOMMU can not have',
    steps: [
      map(0xfee0_0000n, page),
      refused('attach', 'EADDRINUSE', (s) => s.bound('edu')),
      unmap(0xfee0_0000n, page, page),
      attached,
    ],
  },
  {
    name: 'mappings do not overlap',
    steps: [
      attached,
      map(mebibyte, mebibyte),
      map(mebibyte, mebibyte, { gives: 'EEXIST' }),
      map(2n * mebibyte - page, 2n * page, { gives: 'EEXIST' }),
      map(2n * mebibyte, page),
    ],
  },
  {
    name: "the memory is there, and is none of a device's",
    steps: [
      attached,
      map(0n, page, { hostAddress: (s) => s.bench.lastPage + page, gives: 'EFAULT' }),
      map(0n, page, { hostAddress: (s) => s.bench.readonlyPage, gives: 'EFAULT' }),
      map(0n, page, { hostAddress: (s) => s.bench.readonlyPage, write: false }),
      map(page, 2n * page, { hostAddress: (s) => s.bench.lastPage, gives: 'EFAULT' }),
      map(mebibyte, mebibyte, {
        hostAddress: (s) => s.barOf('edu', 0).hostAddress,
        gives: 'EFAULT',
      }),
      map(mebibyte, mebibyte),
    ],
  },
  {
    name: 'an unmap takes whole mappings, one at least',
    steps: [
      attached,
      map(0n, mebibyte),
      map(mebibyte, mebibyte),
      unmap(4n * mebibyte, page, 'ENOENT'),
      unmap(0n, page, 'ENOENT'),
      unmap(page, page, 'ENOENT'),
      unmap(0n, 0n, 'EINVAL'),
      unmap(0n, 4n * mebibyte, 2n * mebibyte),
      unmap(0n, mebibyte, 'ENOENT'),
      map(0n, page),
      step('unmap all', (s) => s.ioas().unmapAll(), { returns: page }),
      step('again', (s) => s.ioas().unmapAll(), { returns: 0n }),
    ],
  },
  {
    name: 'a device is bound once, and not while its group is open',
    steps: [
      step('open the group', (s) => s.group('edu')),
      refused('bind', 'EBUSY', (s) => s.bound('edu')),
      step('close it', (s) => s.group('edu').close()),
      step('bind', (s) => s.cdev('edu').bind(s.iommufd())),
      refused('again', 'EINVAL', (s) => s.cdev('edu').bind(s.iommufd())),
      refused('the group', 'EBUSY', (s) => s.openGroup('edu')),
      step('attach', (s) => s.cdev('edu').attach(s.ioas())),
      step('detach', (s) => s.cdev('edu').detach()),
      step('close', (s) => s.cdev('edu').close()),
      step('the group', (s) => s.openGroup('edu')),
    ],
  },
  {
    name: 'nothing is asked of a device before it is bound, nor of one that is not there',
    steps: [
      refused('attach', 'EINVAL', (s) => s.cdev('edu').attach(s.ioas())),
      refused('detach', 'EINVAL', (s) => s.cdev('edu').detach()),
      refused('open', 'ENOENT', (s) => s.bench.host.openCdev('vfio9999')),
    ],
  },
  {
    name: "one in a group with a driver of the host's is not bound",
    steps: [refused('bind', 'EPERM', (s) => s.bound('edu-in-shared-group'))],
  },
];

/** All need /dev/iommu. */
export const iommufdCases: readonly Case[] = all.map((it) => ({ ...it, needs: 'iommufd' }));
