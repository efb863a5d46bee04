import type { FileDescriptorKind } from '../../../lib/simulated/index.js';
import { SimulatedKvm } from '../../../lib/simulated/index.js';
import { type OpenBench, runCases } from './run-cases.js';

const kinds = new Map<number, FileDescriptorKind>([
  [10, 'eventfd'],
  [11, 'eventfd'],
  [12, 'other'],
  [13, 'other'],
]);

function openBench(userSpaceEnd: bigint): OpenBench {
  return {
    vm: new SimulatedKvm({ userSpaceEnd, fileDescriptors: (fd) => kinds.get(fd) ?? 'closed' }),
    hostAddress: 0x7f00_0000_0000n,
    userSpaceEnd,
    fds: { a: 10, b: 11, other: 12, closed: 99 },
    guestMemfd: 13,
    close: () => undefined,
  };
}

for (const bits of [47n, 56n]) {
  runCases(`simulated, addresses of ${bits} bits`, () => openBench((1n << bits) - 0x1000n));
}
