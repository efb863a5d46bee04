// What VfioDmaMapper and KvmMemorySlots say of addresses, against the kernel: what is mapped can't be mapped once more (EEXIST), and
// what isn't can.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type ConsumerVerdict, FlatviewError, HostMemory } from '../../../lib/index.js';
import { place } from '../../pci/assigned-machine.js';
import { PassthroughMachine, ways } from '../guest/passthrough-machine.js';

const pageSize = 0x1000n;

/** Where writes of devices are interrupts: IOMMUs of x86 map nothing there. */
const interruptWindow = 0xfee0_0000n;

/** A flat view with a part of every kind: memory, and all that can't be mapped for one reason or another. */
function machineWithEverything(way: 'container' | 'iommufd'): PassthroughMachine {
  const machine = new PassthroughMachine({ way });
  const { topology, system } = machine;
  const mib = 1n << 20n;
  const edu = machine.assign('edu');
  const sdhci = machine.assign('sdhci');
  const ohci = machine.assign('ohci');
  const watchdog = machine.assign('watchdog');
  const e1000e = machine.assign('e1000e');
  place(edu, 0, 0xe000_0000n);
  edu.bar(0)?.addWindow({ name: 'quirk', offset: 0x2010n, size: 8n, ops: {} });
  place(sdhci, 0, 0xe100_0000n);
  place(ohci, 0, 0xe100_1080n);
  place(watchdog, 0, 0xe100_2ff0n);
  place(e1000e, 0, 0xe200_0000n);
  place(e1000e, 1, 0xe202_0000n);
  place(e1000e, 3, 0xe204_0000n);
  topology.transaction(() => {
    const small = topology.io('registers in RAM', 16n, {});
    system.addSubregion(4n * mib + 0x800n, small, { priority: 1 });
    system.addSubregion(6n * mib, topology.io('hole', pageSize, {}), { priority: 1 });
    system.addSubregion(8n * mib, topology.rom('rom', 0x4000), { priority: 1 });
    system.addSubregion(0x4000_0000n, topology.ram('end within a page', 0x2800));
    const unreachable = topology.ram('under interrupts', 4n * pageSize);
    system.addSubregion(interruptWindow, unreachable, { priority: 1 });
    system.addSubregion(0x5000_0000n, topology.ram('without', 0x2000, { backing: 'none' }));
  });
  return machine;
}

/** The first and the last page of what a verdict is for, where all of the page is. */
function pagesOf({ first, last }: ConsumerVerdict): bigint[] {
  const start = first - (first % pageSize);
  const end = last - (last % pageSize);
  return start === end ? [start] : [start, end];
}

/** The error's name; `undefined` where there is none. */
function errnoOf(body: () => void): string | undefined {
  try {
    body();
    return undefined;
  } catch (error) {
    if (error instanceof FlatviewError && error.errno !== undefined) return error.errno;
    throw error;
  }
}

/** Holds verdicts against what the kernel says when a page is mapped; those of each code. */
function check(
  verdicts: Iterable<ConsumerVerdict>,
  map: (page: bigint) => string | undefined,
): Map<string, number> {
  const seen = new Map<string, number>();
  for (const verdict of verdicts) {
    for (const page of pagesOf(verdict)) {
      const expected = verdict.mapped
        ? 'EEXIST'
        : verdict.code === 'out-of-window'
          ? 'EINVAL'
          : undefined;
      assert.equal(map(page), expected, `${page.toString(16)}: ${verdict.code}: ${verdict.text}`);
    }
    seen.set(verdict.code, (seen.get(verdict.code) ?? 0) + 1);
  }
  return seen;
}

for (const { way, skip } of ways) {
  suite(`verdicts, by ${way}`, { skip }, () => {
    test("VfioDmaMapper's are the IOMMU's", () => {
      using machine = machineWithEverything(way);
      const mapper = machine.mapForDevices();
      const { dma } = machine.passthrough;
      using scratch = HostMemory.allocate(pageSize);
      const { hostAddress } = scratch;
      const seen = check(mapper.verdicts(machine.memory), (iova) =>
        errnoOf(() => {
          dma?.map({ iova, size: pageSize, hostAddress, read: true, write: true });
          dma?.unmap({ address: iova, size: pageSize });
        }),
      );
      const barCode = way === 'iommufd' ? 'device-memory' : 'mapped';
      const expected = [
        'mapped',
        'not-ram',
        'sub-page',
        'no-host-memory',
        'out-of-window',
        barCode,
      ];
      assert.deepEqual([...seen.keys()].sort(), [...new Set(expected)].sort());
      // The mapper's own mappings are as they were.
      assert.equal(
        errnoOf(() => mapper.retry()),
        undefined,
      );
    });

    test("KvmMemorySlots' are KVM's", () => {
      using machine = machineWithEverything(way);
      using scratch = HostMemory.allocate(pageSize);
      const slot = machine.slots.slotLimit - 1;
      const { hostAddress } = scratch;
      const seen = check(machine.slots.verdicts(machine.memory), (guestAddress) =>
        errnoOf(() => {
          const page = { slot, flags: 0, guestAddress, hostAddress };
          machine.vm.setUserMemoryRegion({ ...page, size: pageSize });
          machine.vm.setUserMemoryRegion({ ...page, size: 0n });
        }),
      );
      assert.deepEqual([...seen.keys()].sort(), [
        'mapped',
        'no-host-memory',
        'not-ram',
        'sub-page',
      ]);
    });
  });
}
