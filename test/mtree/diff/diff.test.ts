import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe as suite, test } from 'node:test';
import { type AddressSpace, MemoryTopology } from '../../../lib/index.js';
import { buildTopology } from '../../../lib/mtree/build-topology.js';
import { diffTopologies } from '../../../lib/mtree/diff/diff-topologies.js';
import { differenceJson, differenceLines } from '../../../lib/mtree/diff/difference-text.js';
import { type Change, isSame } from '../../../lib/mtree/diff/topology-difference.js';
import { readTopology } from '../../../lib/mtree/read-topology.js';
import { caseFiles } from '../../corpus/corpus.js';

/** A machine with RAM and two devices; what `edit` does to it makes another one. */
function machine(edit: (regions: ReturnType<typeof parts>) => void = () => {}) {
  const regions = parts();
  edit(regions);
  return regions.topology.addressSpaces;
}

function parts() {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const ram = topology.ram('ram', 0x10000, { backing: 'none' });
  const bar = topology.io('bar', 0x1000, {});
  const window = topology.io('window', 8, {});
  const uart = topology.io('uart', 8, {});
  system.addSubregion(0, ram);
  system.addSubregion(0x2_0000, bar, { priority: 1 });
  bar.addSubregion(0x70, window);
  system.addSubregion(0x8_0000, uart);
  topology.addressSpace('memory', system);
  topology.addressSpace('cpu', system);
  return { topology, system, ram, bar, window, uart };
}

function lines(before: readonly AddressSpace[], after: readonly AddressSpace[]): string[] {
  return [...differenceLines(diffTopologies(before, after))];
}

suite('the difference of two topologies', () => {
  test('there is none of a topology and its like', () => {
    const difference = diffTopologies(machine(), machine());
    assert.ok(isSame(difference));
    assert.deepEqual([...differenceLines(difference)], ['The flat views are the same.']);
  });

  test('what is gone, new, and shows in another way', () => {
    const after = machine(({ topology, system, uart, ram }) => {
      system.removeSubregion(uart);
      system.addSubregion(0x9_0000, topology.io('rtc', 2, {}));
      ram.readonly = true;
    });
    assert.deepEqual(lines(machine(), after), [
      '"memory" and 1 more: 1 gone, 1 new, 1 changed',
      '- 0000000000000000-000000000000ffff (ram): ram',
      '+ 0000000000000000-000000000000ffff (rom): ram',
      '- 0000000000080000-0000000000080007 (i/o): uart',
      '+ 0000000000090000-0000000000090001 (i/o): rtc',
      '',
    ]);
  });

  test('a BAR that the guest moved, with what lies in it', () => {
    const after = machine(({ bar }) => {
      bar.address = 0x3_0000n;
    });
    assert.deepEqual(lines(machine(), after), [
      '"memory" and 1 more: 2 moved',
      '> 0000000000030000-0000000000030fff (i/o): bar',
      '    from 0000000000020000-0000000000020fff, by +0x10000',
      '> 0000000000030070-0000000000030077 (i/o): window',
      '    from 0000000000020070-0000000000020077, by +0x10000',
      '',
    ]);
    assert.match(lines(after, machine()).join('\n'), /by -0x10000$/m);
  });

  test('a BAR that the guest moved over RAM', () => {
    const after = machine(({ bar, window }) => {
      window.enabled = false;
      bar.address = 0xf800n;
    });
    assert.deepEqual(lines(machine(), after), [
      '"memory" and 1 more: 1 gone, 1 changed, 1 moved',
      '> 000000000000f800-00000000000107ff (i/o): bar',
      '    from 0000000000020000-0000000000020fff, by -0x10800',
      '- 000000000000f800-000000000000ffff (ram): ram @000000000000f800',
      '+ 000000000000f800-000000000000ffff (i/o): bar',
      '- 0000000000020070-0000000000020077 (i/o): window',
      '',
    ]);
  });

  test('what a bus shows where nothing is goes with the move', () => {
    const onBus = (address: bigint) => {
      const topology = new MemoryTopology();
      const bus = topology.io('bus', 0x10000, {});
      bus.addSubregion(address, topology.io('bar', 0x100, {}));
      return [topology.addressSpace('memory', bus)];
    };
    assert.match(lines(onBus(0x1000n), onBus(0x2000n))[0] ?? '', /: 1 moved$/);
  });

  test('regions of one name: the parts tell them apart, then their order', () => {
    const tables = (...places: readonly (readonly [address: number, size: number])[]) =>
      machine(({ topology, system }) => {
        for (const [address, size] of places) {
          system.addSubregion(address, topology.io('msix-table', size, {}));
        }
      });
    const before = tables([0x10_0000, 0x10], [0x10_1000, 0x20]);
    const after = tables([0x20_0000, 0x20], [0x20_1000, 0x10]);
    assert.deepEqual(
      lines(before, after).filter((line) => line.startsWith('    ')),
      [
        '    from 0000000000101000-000000000010101f, by +0xff000',
        '    from 0000000000100000-000000000010000f, by +0x101000',
      ],
    );
  });

  test('owners tell regions apart where both topologies have them', () => {
    const owned = (owner?: string) => {
      const topology = new MemoryTopology();
      const region = topology.io('bar', 16, {}, owner === undefined ? {} : { owner });
      return [topology.addressSpace('memory', region)];
    };
    assert.ok(isSame(diffTopologies(owned('a'), owned())));
    assert.ok(!isSame(diffTopologies(owned('a'), owned('b'))));
  });

  test('address spaces that come and go', () => {
    const after = machine(({ topology, uart }) => {
      topology.addressSpaces[1]?.destroy();
      topology.addressSpace('dma', uart);
    });
    assert.deepEqual(lines(machine(), after), [
      '- address space "cpu" is gone',
      '+ address space "dma" is new',
    ]);
  });

  test('JSON has what the words say', () => {
    const after = machine(({ bar, window }) => {
      window.enabled = false;
      bar.address = 0x3_0000n;
    });
    const { same, views } = JSON.parse(
      JSON.stringify(differenceJson(diffTopologies(machine(), after))),
    );
    assert.equal(same, false);
    assert.deepEqual(views[0].address_spaces, ['memory', 'cpu']);
    assert.deepEqual(views[0].changes[1], {
      change: 'moved',
      first: '0x30000',
      last: '0x30fff',
      before: {
        region: 'bar',
        kind: 'io',
        first: '0x20000',
        last: '0x20fff',
        offset: '0x0',
        type: 'i/o',
        nonvolatile: false,
      },
      after: {
        region: 'bar',
        kind: 'io',
        first: '0x30000',
        last: '0x30fff',
        offset: '0x0',
        type: 'i/o',
        nonvolatile: false,
      },
      distance: '0x10000',
    });
  });
});

suite('differences in the corpus', () => {
  test('an address differs where a change says so, and nowhere else', () => {
    let compared = 0;
    for (const [before, after] of neighbours()) {
      withBoth(before, after, (one, other) => {
        const { views } = diffTopologies(one, other);
        for (const space of one) {
          const partner = onlyOf(one, other, space.name);
          if (partner === undefined) continue;
          const changes = views.find(({ addressSpaces }) => addressSpaces.includes(space.name));
          checkChanges(space, partner, changes?.changes ?? []);
          compared++;
        }
        assert.ok(isSame(diffTopologies(one, one)));
      });
    }
    assert.ok(compared > 100);
  });
});

/** Each case of a machine with the next one: the same machine, later. */
function neighbours(): (readonly [before: string, after: string])[] {
  const machineOf = (file: string) => path.basename(file).replace(/-b\d+\.json\.gz$/, '');
  const files = caseFiles();
  return files.flatMap((file, index) => {
    const next = files[index + 1];
    return next !== undefined && machineOf(next) === machineOf(file) ? [[file, next] as const] : [];
  });
}

function withBoth(
  before: string,
  after: string,
  use: (one: readonly AddressSpace[], other: readonly AddressSpace[]) => void,
): void {
  const [one, other] = [before, after].map((file) =>
    buildTopology(readTopology(readFileSync(file)).document),
  );
  use(one!.addressSpaces, other!.addressSpaces);
  one!.topology.close();
  other!.topology.close();
}

/** The address space of a name that only one of each topology has. */
function onlyOf(
  one: readonly AddressSpace[],
  other: readonly AddressSpace[],
  name: string,
): AddressSpace | undefined {
  const [mine, theirs] = [one, other].map((spaces) => spaces.filter((it) => it.name === name));
  return mine?.length === 1 && theirs?.length === 1 ? theirs[0] : undefined;
}

function checkChanges(one: AddressSpace, other: AddressSpace, changes: readonly Change[]): void {
  const isTold = (address: bigint): boolean =>
    changes.some((change) =>
      [change, 'before' in change ? change.before : change].some(
        ({ first, last }) => first <= address && address <= last,
      ),
    );
  const edges = [one, other].flatMap(({ flatView }) =>
    [...flatView].flatMap(({ address, last }) => [address, last]),
  );
  for (const address of edges) {
    const isOther = shownAt(one, address) !== shownAt(other, address);
    if (isOther) assert.ok(isTold(address), `${one.name} ${address.toString(16)} is not told`);
  }
  for (const { first, last } of changes) {
    for (const address of [first, last]) {
      assert.notEqual(shownAt(one, address), shownAt(other, address), `${address.toString(16)}`);
    }
  }
}

function shownAt({ flatView }: AddressSpace, address: bigint): string {
  const range = flatView.lookup(address);
  if (range === undefined) return 'nothing';
  const { region, offset, readonly, nonvolatile, romd } = range;
  const { name, owner, kind } = region;
  const place = offset + address - range.address;
  return [name, owner, kind, readonly, nonvolatile, romd, place].join(' ');
}
