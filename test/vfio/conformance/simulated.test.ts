import { writeSync } from 'node:fs';
import { HostMemory } from '../../../lib/index.js';
import { EventFd } from '../../../lib/kvm/index.js';
import { type HostMemoryProbe, SimulatedVfio } from '../../../lib/simulated/index.js';
import { noNativeAddon } from '../../native-addon.js';
import { emulatedMachine } from '../emulated-machine.js';
import type { Bench } from './bench.js';
import { runCases } from './run-cases.js';

const size = 16n << 20n;
const page = 0x1000n;

/** A process that has `size` bytes, then a page that it may only read, one that it may write, and one that is not there. */
function probeOf(start: bigint): HostMemoryProbe {
  const [readonly, absent] = [start + size, start + size + 2n * page];
  return (range) => {
    const end = range.address + range.size;
    const touches = (at: bigint): boolean => range.address < at + page && end > at;
    if (touches(absent)) return 'none';
    return touches(readonly) ? 'read' : 'write';
  };
}

function openBench(): Bench {
  const memory = HostMemory.allocate(size + 4n * page);
  let eventFd: EventFd | undefined;
  const host = new SimulatedVfio({
    devices: Object.values(emulatedMachine),
    hostMemory: probeOf(memory.hostAddress),
    signal: (fd) => writeSync(fd, new BigUint64Array([1n])),
  });
  return {
    host,
    has: { iommufd: true, vtd: true, eventFd: !noNativeAddon },
    device: (name) => {
      const { name: address, group, cdev } = emulatedMachine[name];
      return { name: address, group, cdev };
    },
    memory,
    readonlyPage: memory.hostAddress + size,
    lastPage: memory.hostAddress + size + page,
    get eventFd() {
      eventFd ??= EventFd.create();
      return eventFd;
    },
    close: () => {
      eventFd?.close();
      memory.close();
    },
  };
}

runCases('simulated', openBench);
