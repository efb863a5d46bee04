import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HostMemory } from '../../../lib/index.js';
import { EventFd } from '../../../lib/kvm/index.js';
import { Vfio } from '../../../lib/vfio/index.js';
import { hasIommufd, locate, noVfio } from '../real-machine.js';
import type { Bench } from './bench.js';
import { runCases } from './run-cases.js';

interface MappedRange {
  readonly start: bigint;
  readonly end: bigint;
  readonly access: string;
}

/** What this process has mapped, ascending (Documentation/filesystems/proc.rst). */
function mappedRanges(): MappedRange[] {
  const lines = readFileSync('/proc/self/maps', 'utf8').trim().split('\n');
  return lines.flatMap((line) => {
    const [, start, end, access = ''] = /^(\w+)-(\w+) (\S+) .*$/.exec(line) ?? [];
    return start === undefined || line.includes('[v')
      ? []
      : [{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), access }];
  });
}

function found<Found>(what: string, range: Found | undefined): Found {
  if (range !== undefined) return range;
  throw new Error(`this process has no ${what}`);
}

function openBench(): Bench {
  const memory = HostMemory.allocate(16n << 20n);
  const eventFd = EventFd.create();
  const ranges = mappedRanges();
  const readonly = ranges.find(({ access }) => access === 'r--p');
  const beforeHole = ranges.find(({ end, access }, i) => {
    const next = ranges[i + 1];
    return access === 'rw-p' && next !== undefined && next.start > end;
  });
  return {
    host: new Vfio(),
    has: {
      iommufd: hasIommufd,
      vtd: readFileSync('/proc/cmdline', 'utf8').includes('intel_iommu'),
    },
    device: (name) => {
      const { address, group = -1, cdev } = locate(name);
      return { name: address, group, cdev };
    },
    memory,
    readonlyPage: found('memory that it may only read', readonly).start,
    lastPage: found('hole behind its memory', beforeHole).end - 0x1000n,
    eventFd,
    close: () => {
      eventFd.close();
      memory.close();
    },
  };
}

if (noVfio === false) runCases('real', openBench);
else test('VFIO conformance: real', { skip: noVfio }, () => undefined);
