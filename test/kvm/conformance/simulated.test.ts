import type { FileDescriptorKind } from '../../../lib/simulated/index.js';
import { SimulatedKvm } from '../../../lib/simulated/index.js';
import { runCases } from './run-cases.js';

const kinds = new Map<number, FileDescriptorKind>([
  [10, 'eventfd'],
  [11, 'eventfd'],
  [12, 'other'],
  [13, 'other'],
]);

runCases('simulated', () => ({
  vm: new SimulatedKvm({ fileDescriptors: (fd) => kinds.get(fd) ?? 'closed' }),
  hostAddress: 0x7f00_0000_0000n,
  fds: { a: 10, b: 11, other: 12, closed: 99 },
  guestMemfd: 13,
  close: () => undefined,
}));
