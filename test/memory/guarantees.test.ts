// The guarantees of docs/architecture.md, each by its name. Some have whole files of their own: "Exact" has test/corpus
// and flat-view.test.ts, "All or nothing" has listener-failure.test.ts and transaction.test.ts.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  type AddressSpace,
  type MemoryRegion,
  type MemoryRegionOps,
  MemoryTopology,
} from '../../lib/index.js';
import { readSequence } from '../corpus/corpus.js';
import { CorpusTopology } from '../corpus/corpus-topology.js';
import { runs } from '../oracle/runs.js';
import { rangeLineWithMask } from '../oracle/view-follower.js';
import { CallLog } from './call-log.js';
import { rebuilt } from './rebuilt.js';
import { viewLines } from './view-lines.js';

const WHOLE = 1n << 64n;

function fullLines({ flatView }: AddressSpace): string[] {
  return Array.from(flatView.ranges(), rangeLineWithMask);
}

suite('Incremental = from scratch', () => {
  const names = ['seq-pc-subpage', 'seq-q35-pam-smram', 'seq-pc-hotplug', 'boot-q35-seabios-rp'];
  for (const name of names) {
    test(`${name}: every tenth step equals a topology that is built from nothing`, () => {
      const { initial, steps } = readSequence(name);
      const built = new CorpusTopology(initial);
      for (const [i, { ops, address_spaces }] of steps.entries()) {
        for (const op of ops) built.call(op, address_spaces);
        if (i % 10 !== 0) continue;
        const { addressSpaces } = built.topology;
        const fresh = rebuilt(addressSpaces);
        for (const [at, space] of addressSpaces.entries()) {
          assert.deepEqual(fullLines(fresh[at]!), fullLines(space), `step ${i + 1}: ${space.name}`);
        }
        fresh[0]?.topology.close();
      }
    });
  }
});

suite('Derived from state', () => {
  interface Machine {
    readonly topology: MemoryTopology;
    readonly system: MemoryRegion;
    readonly memory: AddressSpace;
    readonly bars: readonly MemoryRegion[];
    readonly parent: MemoryRegion;
  }

  function machine(): Machine {
    const topology = new MemoryTopology();
    const system = topology.container('system', WHOLE);
    const parent = topology.container('pci', WHOLE);
    system.addSubregion(0, parent);
    const bars = [0, 1, 2, 3].map((i) => topology.io(`bar${i}`, 0x1000, {}));
    return { topology, system, memory: topology.addressSpace('memory', system), bars, parent };
  }

  /** Ways to the same state: each step sets one thing for good, so their order plays no part. */
  const steps: readonly ((it: Machine) => void)[] = [
    ({ parent, bars }) => parent.addSubregion(0x1000, bars[0]!, { priority: 1 }),
    ({ parent, bars }) => parent.addSubregion(0x1800, bars[1]!, { priority: 2 }),
    ({ parent, bars }) => parent.addSubregion(0x0, bars[2]!, { priority: 3 }),
    ({ parent, bars }) => parent.addSubregion(0x400, bars[3]!, { priority: 4 }),
    ({ bars }) => bars[0]?.addIoEventFd({ address: 8n, size: 4, data: 1n, fd: 3 }),
    ({ bars }) => bars[0]?.addIoEventFd({ address: 0xff8n, size: 4, data: 1n, fd: 4 }),
    ({ bars }) => bars[1]?.addCoalescedRange(0, 0x800),
    ({ bars }) => {
      bars[1]!.size = 0x800n;
    },
    ({ bars }) => {
      bars[2]!.readonly = true;
    },
    ({ bars }) => {
      bars[3]!.enabled = false;
    },
    ({ parent }) => {
      parent.address = 0x10_0000n;
    },
    ({ bars }) => bars[0]?.setDirtyLog('vga', true),
  ];

  test('whatever the order of changes and the transactions around them, the same is shown and told', (t) => {
    const tell = ({ topology, memory }: Machine): string[] => {
      const log = new CallLog();
      topology.addListener(log.listener({ name: 'L' }));
      return [...viewLines(memory), ...log.take()];
    };
    const straight = machine();
    for (const step of steps) step(straight);
    const wanted = tell(straight);
    assert.ok(wanted.length > 10);

    const orders = fc.shuffledSubarray([...steps.keys()], { minLength: steps.length });
    fc.assert(
      fc.property(orders, fc.nat(steps.length), fc.boolean(), (order, split, listens) => {
        const it = machine();
        if (listens) it.topology.addListener(new CallLog().listener({ name: 'first' }));
        const run = (part: readonly number[]): void => {
          for (const i of part) steps[i]?.(it);
        };
        it.topology.transaction(() => run(order.slice(0, split)));
        run(order.slice(split));
        assert.deepEqual(tell(it), wanted);
        it.topology.close();
      }),
      runs<[number[], number, boolean]>(t, 200, 0.01),
    );
  });
});

suite('Nothing is exposed', () => {
  test('what is shown read-only is told read-only, and cannot be written', () => {
    const topology = new MemoryTopology();
    const system = topology.container('system', WHOLE);
    const ram = topology.ram('ram', 0x2000);
    system.addSubregion(0, ram);
    system.addSubregion(0x8000, topology.alias('shadow', ram, { readonly: true }));
    const memory = topology.addressSpace('memory', system);
    const told = new Map<bigint, boolean>();
    topology.addListener({
      regionAdd: ({ address, readonly }) => {
        told.set(address, readonly);
      },
    });
    assert.deepEqual(
      [...told],
      [
        [0n, false],
        [0x8000n, true],
      ],
    );
    assert.equal(memory.write(0x10, 4, 0x1234), 0);
    assert.notEqual(memory.write(0x8010, 4, 0xffff_ffff), 0);
    assert.notEqual(memory.writeBytes(0x8010, new Uint8Array(8)), 0);
    assert.equal(memory.read(0x10, 4).value, 0x1234n);
    assert.equal(memory.read(0x8010, 4).value, 0x1234n);
  });

  test('a byte that no region claims answers nobody', () => {
    const topology = new MemoryTopology();
    const system = topology.container('system', WHOLE);
    system.addSubregion(0x1000, topology.ram('ram', 0x70));
    const memory = topology.addressSpace('memory', system);
    for (const address of [0xfffn, 0x1070n, WHOLE - 1n]) {
      assert.equal(memory.lookup(address), undefined);
      assert.notEqual(memory.read(address, 1).result, 0);
    }
  });
});

suite("The guest can't hurt", () => {
  function machine(): AddressSpace {
    const topology = new MemoryTopology();
    const system = topology.container('system', WHOLE);
    const narrow = { valid: { minSize: 2, maxSize: 4 }, read: () => 1n };
    const odd: MemoryRegionOps = { read: () => 'error', write: () => 'access-error' };
    system.addSubregion(0, topology.ram('ram', 0x1800));
    system.addSubregion(0x1800, topology.rom('rom', 0x801));
    system.addSubregion(0x3000, topology.io('narrow', 0x333, narrow));
    system.addSubregion(0x4000, topology.io('odd', 0x1000, odd));
    system.addSubregion(0x5000, topology.io('mute', 7, {}));
    system.addSubregion(0x6000, topology.reservation('reserved', 0x1000));
    system.addSubregion(0x7000, topology.romDevice('flash', 0x1000, {}));
    const iommu = topology.iommu('iommu', 0x1000, { translate: () => undefined });
    system.addSubregion(0x8000, iommu);
    system.addSubregion(WHOLE - 0x10n, topology.ram('top', 0x1000));
    return topology.addressSpace('memory', system);
  }

  const address = fc.oneof(fc.bigInt(0n, 0x9000n), fc.bigInt(WHOLE - 0x20n, WHOLE - 1n));
  const size = fc.integer({ min: 1, max: 8 });
  const known = 0b111;

  test('no address, width or value makes an access throw, or change the tree', (t) => {
    const memory = machine();
    const view = memory.flatView;
    fc.assert(
      fc.property(address, size, fc.bigInt(0n, WHOLE - 1n), (at, width, value) => {
        const { result, value: read } = memory.read(at, width);
        assert.equal(result & ~known, 0);
        assert.ok(read >= 0n && read < 1n << BigInt(8 * width));
        assert.equal(memory.write(at, width, value) & ~known, 0);
        assert.equal(memory.flatView, view);
      }),
      runs<[bigint, number, bigint]>(t, 2000, 0.1),
    );
  });

  test('no address or length makes a transfer throw', (t) => {
    const memory = machine();
    fc.assert(
      fc.property(address, fc.uint8Array({ maxLength: 0x3000 }), (at, bytes) => {
        assert.equal(memory.writeBytes(at, bytes) & ~known, 0);
        assert.equal(memory.readBytes(at, bytes) & ~known, 0);
      }),
      runs<[bigint, Uint8Array]>(t, 200, 0.01),
    );
  });
});
