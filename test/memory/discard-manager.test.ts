import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  type AddressSpace,
  type FlatviewError,
  type MemoryRegionSection,
  MemoryTopology,
  type RamDiscardListener,
  RamDiscardManager,
  type RamRegion,
} from '../../lib/index.js';
import { type OffsetRange, RangeSet } from '../../lib/memory/range-set.js';
import { runs } from '../oracle/runs.js';
import { flatviewError, machine } from './machine.js';

const MiB = 1n << 20n;
const granularity = 2n * MiB;

const wrong = flatviewError('ERR_DISCARD_MANAGER');
const outOfRange = flatviewError('ERR_ADDRESS_RANGE');

interface Managed {
  readonly ram: RamRegion;
  readonly manager: RamDiscardManager;
  readonly memory: AddressSpace;
  /** What shows all of the RAM, at 4 GiB. */
  readonly section: MemoryRegionSection;
}

/** A machine with 64 MiB of RAM that comes and goes, at 4 GiB. */
function managed(): Managed {
  const { topology, system, memory } = machine();
  const ram = topology.ram('vmem', 64n * MiB);
  const manager = new RamDiscardManager(ram, { granularity });
  system.addSubregion(4n << 30n, ram);
  const section = memory.lookup(4n << 30n);
  assert.ok(section);
  return { ram, manager, memory, section };
}

/** In MiB: `event address+size@offset`. */
function line(event: string, { address, size, offset }: MemoryRegionSection): string {
  return `${event} ${address / MiB}+${size / MiB}@${offset / MiB}`;
}

function listener(heard: string[], name = ''): RamDiscardListener {
  return {
    populate: (section) => {
      heard.push(line(`${name}populate`, section));
    },
    discard: (section) => {
      heard.push(line(`${name}discard`, section));
    },
  };
}

suite('a discard manager', () => {
  test('begins with nothing, and knows what is there', () => {
    const { ram, manager, section } = managed();
    assert.equal(ram.discardManager, manager);
    assert.equal(manager.isPopulated(section), false);
    manager.populate(4n * MiB, 4n * MiB);
    manager.populate(10n * MiB, 2n * MiB);
    assert.equal(manager.isPopulated({ offset: 4n * MiB, size: 4n * MiB }), true);
    assert.equal(manager.isPopulated({ offset: 5n * MiB, size: 1n }), true);
    assert.equal(manager.isPopulated({ offset: 4n * MiB - 1n, size: 2n }), false);
    assert.equal(manager.isPopulated({ offset: 4n * MiB, size: 8n * MiB }), false);
    manager.populate(8n * MiB, 2n * MiB);
    assert.equal(manager.isPopulated({ offset: 4n * MiB, size: 8n * MiB }), true);
    manager.discard(6n * MiB, 2n * MiB);
    assert.equal(manager.isPopulated({ offset: 4n * MiB, size: 8n * MiB }), false);
  });

  test('replays what is there and what is not, as parts of a section', () => {
    const { manager, section } = managed();
    manager.populate(4n * MiB, 4n * MiB);
    manager.populate(62n * MiB, 2n * MiB);
    const lines = (sections: readonly MemoryRegionSection[]): string[] =>
      sections.map((it) => line('', it));
    assert.deepEqual(lines(manager.populatedIn(section)), [' 4100+4@4', ' 4158+2@62']);
    assert.deepEqual(lines(manager.discardedIn(section)), [' 4096+4@0', ' 4104+54@8']);
    const part = section.within(section.address + 5n * MiB, 5n * MiB);
    assert.deepEqual(lines(manager.populatedIn(part)), [' 4101+3@5']);
    assert.deepEqual(lines(manager.discardedIn(part)), [' 4104+2@8']);
  });

  test('tells listeners of what comes and goes, only of what changes', () => {
    const { manager, section } = managed();
    const heard: string[] = [];
    manager.populate(0, 2n * MiB);
    const it = listener(heard);
    manager.addListener(it, section);
    manager.populate(0, 6n * MiB);
    manager.populate(0, 6n * MiB);
    manager.discard(2n * MiB, 8n * MiB);
    manager.discard(2n * MiB, 8n * MiB);
    manager.removeListener(it);
    manager.populate(8n * MiB, 2n * MiB);
    assert.deepEqual(heard, [
      'populate 4096+2@0',
      'populate 4098+4@2',
      'discard 4098+4@2',
      'discard 4096+2@0',
    ]);
  });

  test('tells each listener of its own section only', () => {
    const { manager, section } = managed();
    const heard: string[] = [];
    const low = section.within(section.address, 8n * MiB);
    const high = section.within(section.address + 8n * MiB, 8n * MiB);
    manager.addListener(listener(heard, 'low '), low);
    manager.addListener(listener(heard, 'high '), high);
    manager.populate(6n * MiB, 4n * MiB);
    manager.populate(20n * MiB, 4n * MiB);
    manager.discard(0, 64n * MiB);
    assert.deepEqual(heard, [
      'low populate 4102+2@6',
      'high populate 4104+2@8',
      'low discard 4102+2@6',
      'high discard 4104+2@8',
    ]);
  });

  test('gives the pages of what goes back to the host', () => {
    const { ram, manager, memory } = managed();
    manager.populate(0, 4n * MiB);
    memory.write(4n << 30n, 4, 0x1234);
    memory.write((4n << 30n) + 2n * MiB, 4, 0x5678);
    manager.discard(0, 2n * MiB);
    assert.equal(ram.memory?.load(0, 4), 0n);
    assert.equal(ram.memory?.load(2n * MiB, 4), 0x5678n);
  });

  test('tells listeners that memory goes while it is still there', () => {
    const { ram, manager, section } = managed();
    manager.populate(0, 2n * MiB);
    ram.memory?.store(0, 4, 0x1234n);
    const seen: unknown[] = [];
    const discard = (): void => {
      seen.push(ram.memory?.load(0, 4), manager.isPopulated({ offset: 0n, size: 1n }));
    };
    manager.addListener({ populate: () => undefined, discard }, section);
    manager.discard(0, 2n * MiB);
    assert.deepEqual(seen, [0x1234n, true]);
  });

  test('leaves lent memory as it is', () => {
    const { topology } = machine();
    const bytes = new Uint8Array(8192).fill(7);
    const ram = topology.ram('lent', 8192, { memory: bytes });
    const manager = new RamDiscardManager(ram, { granularity: 4096 });
    manager.populate(0, 8192);
    manager.discard(0, 8192);
    assert.equal(bytes[0], 7);
  });
});

suite('All or nothing: a listener that refuses', () => {
  const refusing = (event: 'populate' | 'discard', at: bigint): RamDiscardListener => {
    const refuse = ({ offset }: MemoryRegionSection): void => {
      if (offset === at) throw new Error('out of DMA mappings');
    };
    const accept = (): void => undefined;
    return { populate: accept, discard: accept, [event]: refuse };
  };

  test('memory that comes has those who had heard hear the opposite', () => {
    const { manager, section } = managed();
    const heard: string[] = [];
    manager.populate(2n * MiB, 2n * MiB);
    manager.addListener(listener(heard, 'a '), section);
    manager.addListener(refusing('populate', 4n * MiB), section);
    manager.addListener(listener(heard, 'b '), section);
    heard.length = 0;
    assert.throws(
      () => manager.populate(0, 8n * MiB),
      flatviewError(
        'ERR_LISTENER_FAILED',
        /refused to populate 0x400000 bytes at 0x400000 of "vmem".*out of DMA mappings/,
      ),
    );
    assert.deepEqual(heard, [
      'a populate 4096+2@0',
      'b populate 4096+2@0',
      'a populate 4100+4@4',
      'a discard 4100+4@4',
      'b discard 4096+2@0',
      'a discard 4096+2@0',
    ]);
    assert.equal(manager.isPopulated({ offset: 0n, size: 2n * MiB }), false);
    assert.equal(manager.isPopulated({ offset: 2n * MiB, size: 2n * MiB }), true);
  });

  test('that memory goes keeps it', () => {
    const { ram, manager, section } = managed();
    const heard: string[] = [];
    manager.populate(0, 4n * MiB);
    ram.memory?.store(0, 4, 5n);
    manager.addListener(listener(heard), section);
    manager.addListener(refusing('discard', 0n), section);
    heard.length = 0;
    assert.throws(() => manager.discard(0, 4n * MiB), flatviewError('ERR_LISTENER_FAILED'));
    assert.deepEqual(heard, ['discard 4096+4@0', 'populate 4096+4@0']);
    assert.equal(manager.isPopulated({ offset: 0n, size: 4n * MiB }), true);
    assert.equal(ram.memory?.load(0, 4), 5n);
  });

  test('is told with what went wrong while the others were told the opposite', () => {
    const { manager, section } = managed();
    const noUndo = new Error('no undo');
    manager.addListener(
      {
        populate: () => undefined,
        discard: () => {
          throw noUndo;
        },
      },
      section,
    );
    manager.addListener(refusing('populate', 0n), section);
    assert.throws(
      () => manager.populate(0, 2n * MiB),
      (error: FlatviewError) => error.undoFailures?.[0] === noUndo && error.cause instanceof Error,
    );
  });

  test('when it registers is not registered, when it leaves stays', () => {
    const { manager, section } = managed();
    manager.populate(0, 2n * MiB);
    manager.populate(4n * MiB, 2n * MiB);
    const failed = flatviewError('ERR_LISTENER_FAILED');
    const newcomer = refusing('populate', 4n * MiB);
    assert.throws(() => manager.addListener(newcomer, section), failed);
    assert.throws(() => manager.removeListener(newcomer), wrong);
    const leaver = refusing('discard', 4n * MiB);
    manager.addListener(leaver, section);
    assert.throws(() => manager.removeListener(leaver), failed);
    assert.throws(() => manager.addListener(leaver, section), wrong);
  });
});

suite('the embedder is told of his mistakes', () => {
  test('when a discard manager is set or leaves', () => {
    const topology = new MemoryTopology();
    const system = topology.container('system', 1n << 64n);
    const ram = topology.ram('ram', 8n * MiB);
    const rom = topology.rom('rom', 8n * MiB);
    const manager = new RamDiscardManager(ram, { granularity });
    assert.throws(() => new RamDiscardManager(ram, { granularity }), wrong);
    assert.throws(() => new RamDiscardManager(rom, { granularity }), wrong);
    assert.equal(rom.discardManager, undefined);
    system.addSubregion(0, ram);
    assert.throws(() => manager.close(), wrong);
    assert.equal(ram.discardManager, manager);
    system.removeSubregion(ram);
    manager.close();
    assert.equal(ram.discardManager, undefined);
    system.addSubregion(0, ram);
    assert.throws(() => new RamDiscardManager(ram, { granularity }), wrong);
  });

  test('with granules', () => {
    const topology = new MemoryTopology();
    const ram = topology.ram('ram', 8n * MiB);
    for (const bytes of [0, 1, 2048, 3 * 4096]) {
      const make = (): RamDiscardManager => new RamDiscardManager(ram, { granularity: bytes });
      assert.throws(make, flatviewError('ERR_INVALID_ARGUMENT', /granularity.*power of two/));
    }
    assert.throws(() => new RamDiscardManager(ram, { granularity: -1 }), outOfRange);
    const manager = new RamDiscardManager(ram, { granularity });
    for (const change of ['populate', 'discard'] as const) {
      assert.throws(() => manager[change](1, 2n * MiB), outOfRange);
      assert.throws(() => manager[change](0, 1), outOfRange);
      assert.throws(() => manager[change](0, 10n * MiB), outOfRange);
      assert.throws(() => manager[change](-2n * MiB, 2n * MiB), outOfRange);
    }
    assert.throws(() => manager.isPopulated({ offset: 8n * MiB, size: 1n }), outOfRange);
  });

  test('with listeners', () => {
    const { manager, section, memory } = managed();
    const { topology } = memory;
    const it = listener([]);
    manager.addListener(it, section);
    assert.throws(() => manager.addListener(it, section), wrong);
    assert.throws(() => manager.removeListener(listener([])), wrong);
    const other = topology.ram('other', MiB);
    const otherMemory = topology.addressSpace('other', other);
    const otherSection = otherMemory.lookup(0);
    assert.ok(otherSection);
    assert.throws(() => manager.addListener(listener([]), otherSection), wrong);
    memory.root.removeSubregion(section.region);
    assert.throws(() => manager.close(), wrong);
    manager.removeListener(it);
    manager.close();
  });
});

suite('a set of ranges', () => {
  const count = 40;
  const all = Array.from({ length: count }, (_, i) => i);
  const everything = { offset: 0n, size: BigInt(count) };

  const step = fc.record({
    kind: fc.constantFrom('add', 'remove'),
    offset: fc.bigInt({ min: 0n, max: 30n }),
    size: fc.bigInt({ min: 0n, max: 10n }),
  });

  function numbersIn({ offset, size }: OffsetRange): number[] {
    return Array.from({ length: Number(size) }, (_, i) => Number(offset) + i);
  }

  function areApart(parts: readonly OffsetRange[]): boolean {
    return parts.slice(1).every((part, i) => {
      const before = parts[i] ?? everything;
      return part.offset > before.offset + before.size;
    });
  }

  test('holds in any order what a set of numbers holds, neighbours together', (t) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const set = new RangeSet();
        let model: number[] = [];
        for (const { kind, ...range } of steps) {
          const numbers = numbersIn(range);
          set[kind](range);
          model = model.filter((it) => !numbers.includes(it));
          if (kind === 'add') model.push(...numbers);
          const present = all.filter((it) => model.includes(it));
          const absent = all.filter((it) => !model.includes(it));
          assert.deepEqual(set.within(everything).flatMap(numbersIn), present);
          assert.deepEqual(set.missing(everything).flatMap(numbersIn), absent);
          assert.ok(areApart(set.within(everything)));
        }
      }),
      runs(t, 300, 0.1),
    );
  });
});
