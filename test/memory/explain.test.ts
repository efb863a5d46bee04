import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { type AddressSpace, type Explanation, MemoryTopology } from '../../lib/index.js';
import { buildTopology } from '../../lib/mtree/build-topology.js';
import { readTopologyJson } from '../../lib/mtree/read-topology-json.js';
import { cases } from '../corpus/corpus.js';

const lastAddress = 2n ** 64n - 1n;

/** `NAME +OFFSET` of the winner, then a line for each shadowed region: what, why, and who is to blame. */
function summary(explanation: Explanation): string[] {
  const { winner, shadowed } = explanation;
  return [
    winner ? `${winner.region.name} +${winner.offset}` : 'nothing',
    ...shadowed.map(({ region, offset, reason }) => {
      const { code, branch, by, level } = reason;
      return `${region.name} +${offset} ${code}: ${branch.name} < ${by.name} in ${level?.name}`;
    }),
  ];
}

function machine() {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const memory = topology.addressSpace('memory', system);
  const ram = topology.ram('ram', 0x1000, { backing: 'none' });
  const io = (name: string, size: number) => topology.io(name, size, {});
  return { topology, system, memory, ram, io };
}

suite('explain', () => {
  test('says that nothing answers where nothing lies', () => {
    const { memory } = machine();
    const explanation = memory.explain(5);
    assert.equal(explanation.winner, undefined);
    assert.deepEqual(explanation.shadowed, []);
    assert.equal(explanation.complete, true);
    assert.equal(explanation.address, 5n);
    assert.equal(explanation.addressSpace, memory);
  });

  test('refuses what is no address', () => {
    const { memory } = machine();
    for (const address of [-1, 2n ** 64n, 0.5]) {
      assert.throws(() => memory.explain(address), { code: 'ERR_ADDRESS_RANGE' });
    }
  });

  test('compares priorities where two ways part, among the ancestors', () => {
    const { topology, system, memory, ram, io } = machine();
    const bus = topology.container('bus', 0x1000);
    const bar = io('bar', 0x100);
    bus.addSubregion(0x10, bar, { priority: 1000 });
    system.addSubregion(0, ram, { priority: 1 });
    system.addSubregion(0, bus);
    assert.deepEqual(summary(memory.explain(0x12)), [
      'ram +18',
      'bar +2 lower-priority: bus < ram in system',
    ]);
  });

  test('tells that the one which was added or moved later wins among equals', () => {
    const { system, memory, io } = machine();
    const [first, second] = [io('first', 16), io('second', 16)];
    system.addSubregion(0, first);
    system.addSubregion(8, second);
    const before = ['second +2', 'first +10 added-earlier: first < second in system'];
    assert.deepEqual(summary(memory.explain(10)), before);
    first.address = 4;
    const after = ['first +6', 'second +2 added-earlier: second < first in system'];
    assert.deepEqual(summary(memory.explain(10)), after);
  });

  test('shows a region that answers itself behind its subregions', () => {
    const { system, memory, io } = machine();
    const [bar, register] = [io('bar', 0x100), io('register', 4)];
    system.addSubregion(0, bar);
    bar.addSubregion(8, register);
    assert.deepEqual(summary(memory.explain(9)), [
      'register +1',
      'bar +9 behind-subregion: bar < register in bar',
    ]);
  });

  test('names what is disabled: the region, or something on its way', () => {
    const { topology, system, memory, io } = machine();
    const bus = topology.container('bus', 0x1000, { enabled: false });
    const [hidden, off] = [io('hidden', 8), topology.io('off', 8, {}, { enabled: false })];
    bus.addSubregion(0, hidden);
    system.addSubregion(0, bus);
    system.addSubregion(0, off);
    assert.deepEqual(summary(memory.explain(0)), [
      'nothing',
      'off +0 disabled: off < off in system',
      'hidden +0 disabled: bus < bus in system',
    ]);
  });

  test('names what cuts a region off: a container that is too small', () => {
    const { topology, system, memory, io } = machine();
    const small = topology.container('small', 0x10);
    small.addSubregion(8, io('wide', 0x10));
    system.addSubregion(0x100, small);
    assert.deepEqual(summary(memory.explain(0x10f)), ['wide +7']);
    assert.deepEqual(summary(memory.explain(0x110)), [
      'nothing',
      'wide +8 clipped: small < small in system',
    ]);
  });

  test('names the bridge window that does not reach a BAR on its bus', () => {
    const { topology, system, memory, io } = machine();
    const bus = topology.container('bus', 1n << 64n);
    const window = topology.alias('window', bus, { offset: 0x1000, size: 0x1000 });
    bus.addSubregion(0x1f00, io('bar', 0x200));
    system.addSubregion(0x1000, window);
    assert.deepEqual(summary(memory.explain(0x1fff)), ['bar +255']);
    assert.deepEqual(summary(memory.explain(0x2000)), [
      'nothing',
      'bar +256 clipped: window < window in system',
    ]);
  });

  test('does not call cut off what an alias merely shows elsewhere, or what is seen on another way', () => {
    const { topology, system, memory, ram } = machine();
    system.addSubregion(0, ram);
    const page = topology.alias('page', ram, { offset: 0x800, size: 0x10 });
    system.addSubregion(0x800, page, { priority: 1 });
    assert.deepEqual(summary(memory.explain(0x400)), ['ram +1024']);

    const bus = topology.container('bus', 0x100);
    bus.addSubregion(0, topology.io('bar', 0x100, {}));
    system.addSubregion(0x2000, bus);
    const part = topology.alias('part', bus, { size: 0x10 });
    system.addSubregion(0x2000, part, { priority: 1 });
    assert.deepEqual(summary(memory.explain(0x2020)), ['bar +32']);
  });

  test('gives each step of the way with its place and what can be seen of it', () => {
    const { topology, system, memory, ram } = machine();
    const window = topology.alias('window', ram, { offset: 0x800, size: 0x100, readonly: true });
    system.addSubregion(0x4000, window);
    const { winner } = memory.explain(0x4010);
    assert.equal(winner?.readonly, true);
    assert.equal(winner.nonvolatile, false);
    assert.equal(winner.offset, 0x810n);
    assert.deepEqual(
      winner.path.map(({ region, start, window: seen }) => [region.name, start, seen]),
      [
        ['system', 0n, { first: 0n, last: lastAddress }],
        ['window', 0x4000n, { first: 0x4000n, last: 0x40ffn }],
        ['ram', 0x3800n, { first: 0x4000n, last: 0x40ffn }],
      ],
    );
  });

  test('counts the address of the root, and sees alias roots through', () => {
    const { topology, ram } = machine();
    const root = topology.alias('root', ram, { offset: 0x10 });
    root.address = 0x100;
    const space = topology.addressSpace('shifted', root);
    assert.deepEqual(summary(space.explain(0x101)), ['ram +17']);
  });

  test('walks the tree as it is now, within a transaction too', () => {
    const { topology, system, memory, ram } = machine();
    topology.transaction(() => {
      system.addSubregion(0, ram);
      assert.equal(memory.explain(0).winner?.region, ram);
      assert.equal(memory.lookup(0), undefined);
    });
  });

  test('ends where aliases would lead on without end, and says so', () => {
    const { topology, system, memory, ram } = machine();
    const loop = topology.alias('loop', system);
    assert.throws(
      () =>
        topology.transaction(() => {
          system.addSubregion(0, ram);
          system.addSubregion(0, loop, { priority: 1 });
          const explanation = memory.explain(0);
          assert.deepEqual(summary(explanation), ['ram +0']);
          assert.equal(explanation.complete, false);
        }),
      { code: 'ERR_ALIAS_RECURSION' },
    );
  });

  test('stays within a bound where every alias leads to two more', () => {
    const { topology, system, memory, ram } = machine();
    let below = topology.container('0', 0x1000);
    below.addSubregion(0, ram);
    for (let level = 1; level <= 40; level++) {
      const next = topology.container(`${level}`, 0x1000, { enabled: level < 40 });
      next.addSubregion(0, topology.alias('left', below));
      next.addSubregion(0, topology.alias('right', below));
      below = next;
    }
    system.addSubregion(0, below);
    const explanation = memory.explain(0);
    assert.equal(explanation.winner, undefined);
    assert.equal(explanation.shadowed[0]?.reason.code, 'disabled');
  });

  test('agrees with the flat view at the borders of every range of the corpus', () => {
    let places = 0;
    for (const item of cases()) {
      const built = buildTopology(readTopologyJson(JSON.stringify(item)));
      const views = new Map(built.addressSpaces.map((space) => [space.flatView, space]));
      for (const space of views.values()) {
        for (const address of sampledBorders(space)) {
          assertAgrees(space, address, item.name);
          places++;
        }
      }
      built.topology.close();
    }
    assert.ok(places > 5000, `${places} places`);
  });
});

/** First and last addresses of ranges and holes; of views with very many a part. */
function sampledBorders({ flatView }: AddressSpace): Set<bigint> {
  const step = Math.ceil(flatView.rangeCount / 10);
  const ranges = [...flatView.ranges()].filter((_, at) => at % step === 0);
  const borders = ranges.flatMap(({ address, last }) => [address - 1n, address, last, last + 1n]);
  return new Set([0n, lastAddress, ...borders.filter((at) => at >= 0n && at <= lastAddress)]);
}

function assertAgrees(space: AddressSpace, address: bigint, name: string): void {
  const found = space.flatView.lookup(address);
  const { winner, shadowed } = space.explain(address);
  const where = `${name}: 0x${address.toString(16)} in ${space.name}`;
  assert.equal(winner?.region, found?.region, where);
  if (!winner || !found) return;
  assert.equal(winner.offset, found.offset + (address - found.address), where);
  assert.equal(winner.readonly, found.readonly, where);
  assert.equal(winner.nonvolatile, found.nonvolatile, where);
  for (const { reason } of shadowed) assert.ok(reason.by.name !== undefined, where);
}
