import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { MemoryTopology } from '../../../lib/index.js';
import { KvmMemorySlots } from '../../../lib/kvm/index.js';
import { assumedConsumers } from '../../../lib/mtree/map/assumed-consumers.js';
import { buildPageMap } from '../../../lib/mtree/map/build-page-map.js';
import { mapWindow } from '../../../lib/mtree/map/map-window.js';
import { PlacementStack } from '../../../lib/mtree/map/placement-stack.js';
import { shadowsOf } from '../../../lib/mtree/map/shadows.js';
import { SimulatedKvm } from '../../../lib/simulated/index.js';

/** RAM of three pages with a device of 8 bytes over its second one. */
function machine({ backed = false } = {}) {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const memory = topology.addressSpace('memory', system);
  const ram = topology.ram('ram', 0x3000, backed ? {} : { backing: 'none' });
  const window = topology.io('window', 8, {});
  system.addSubregion(0, ram);
  system.addSubregion(0x1070, window, { priority: 1 });
  return { topology, system, memory, ram, window };
}

suite('a page map', () => {
  test('tells whole pages from split ones', () => {
    const { topology, memory } = machine();
    const [space] = buildPageMap([memory]).spaces;
    assert.deepEqual(space!.pages, [
      { first: 0n, last: 0xfffn, state: 'ram', range: 0, ranges: 1 },
      { first: 0x1000n, last: 0x1fffn, state: 'split', range: 0, ranges: 3 },
      { first: 0x2000n, last: 0x2fffn, state: 'ram', range: 2, ranges: 1 },
    ]);
    topology.close();
  });

  test('says what a range hides, disabled regions among it', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0x1000, topology.io('off', 0x1000, {}, { enabled: false }), {
      priority: 2,
    });
    const map = buildPageMap([memory]);
    const [space] = map.spaces;
    const stack = new PlacementStack(space!.placements);
    const hidden = space!.ranges.map((range) =>
      shadowsOf(range, stack).map(({ region, disabled }) => [map.regions[region]!.name, disabled]),
    );
    assert.deepEqual(hidden[1], [
      ['off', true],
      ['ram', false],
    ]);
    topology.close();
  });

  test('takes the verdicts of listeners, and asks once for what one verdict is true of', () => {
    const { topology, memory } = machine({ backed: true });
    memory.addListener(new KvmMemorySlots(new SimulatedKvm()));
    let asked = 0;
    const all = { first: 0n, last: (1n << 64n) - 1n, mapped: true, code: 'mapped', text: 'all' };
    memory.addListener({
      name: 'everything',
      verdictAt: () => {
        asked++;
        return all;
      },
    });
    const [space] = buildPageMap([memory]).spaces;
    const [first, second] = space!.consumers.toReversed();
    assert.equal(asked, 1);
    assert.deepEqual(
      [first, second].map((consumer) => consumer!.name).sort(),
      ['KvmMemorySlots', 'everything'].sort(),
    );
    const slots = space!.consumers.find(({ name }) => name === 'KvmMemorySlots');
    assert.deepEqual(
      slots!.verdicts.map(({ first, last, code }) => [first, last, code]),
      [
        [0n, 0xfffn, 'mapped'],
        [0x1000n, 0x106fn, 'sub-page'],
        [0x1070n, 0x1077n, 'not-ram'],
        [0x1078n, 0x1fffn, 'sub-page'],
        [0x2000n, 0x2fffn, 'mapped'],
      ],
    );
    topology.close();
  });

  test('of a dump says what KVM and VFIO would do with pages of a size', () => {
    const { topology, memory } = machine();
    const codes = (pageSize: bigint) => {
      const map = buildPageMap([memory], { pageSize, consumers: assumedConsumers(pageSize) });
      return map.spaces[0]!.consumers.map(({ name, verdicts }) => [
        name,
        ...verdicts.map(({ code }) => code),
      ]);
    };
    const small = ['mapped', 'sub-page', 'not-ram', 'sub-page', 'mapped'];
    assert.deepEqual(codes(0x1000n), [
      ['KVM', ...small],
      ['VFIO', ...small],
    ]);
    const large = ['sub-page', 'not-ram', 'sub-page'];
    assert.deepEqual(codes(0x10000n), [
      ['KVM', ...large],
      ['VFIO', ...large],
    ]);
    topology.close();
  });

  test('of a window holds the whole pages that it touches', () => {
    const { topology, memory } = machine();
    const map = buildPageMap([memory], { consumers: assumedConsumers(0x1000n) });
    const { window, spaces } = mapWindow(map, { first: 0x1074n, last: 0x1075n });
    assert.deepEqual(window, { first: 0x1000n, last: 0x1fffn });
    const [space] = spaces;
    assert.deepEqual(
      space!.ranges.map(({ first, last, offset }) => [first, last, offset]),
      [
        [0x1000n, 0x106fn, 0x1000n],
        [0x1070n, 0x1077n, 0n],
        [0x1078n, 0x1fffn, 0x1078n],
      ],
    );
    assert.equal(space!.pages.length, 1);
    assert.ok(space!.consumers.every(({ verdicts }) => verdicts.length === 3));
    topology.close();
  });

  test('reaches to the last address', () => {
    const topology = new MemoryTopology();
    const memory = topology.addressSpace('memory', topology.io('all', 1n << 64n, {}));
    const last = (1n << 64n) - 1n;
    const [space] = buildPageMap([memory]).spaces;
    assert.deepEqual(space!.pages, [{ first: 0n, last, state: 'trapped', range: 0, ranges: 1 }]);
    topology.close();
  });

  test('says once what becomes of memory, however much it is', () => {
    const topology = new MemoryTopology();
    const all = topology.ram('all', 1n << 64n, { backing: 'none' });
    const memory = topology.addressSpace('memory', all);
    const [space] = buildPageMap([memory], { consumers: assumedConsumers(0x1000n) }).spaces;
    assert.deepEqual(
      space!.consumers.map(({ verdicts }) => verdicts.map(({ code }) => code)),
      [['mapped'], ['mapped', 'sizing']],
    );
    topology.close();
  });

  test('refuses a page size that is no power of two, and ends a tree that is too large', () => {
    const { topology, memory } = machine();
    const code = 'ERR_INVALID_ARGUMENT';
    assert.throws(() => buildPageMap([memory], { pageSize: 0x1001n }), { code });
    assert.throws(() => assumedConsumers(0n), { code });
    const [space] = buildPageMap([memory], { limit: 2 }).spaces;
    assert.equal(space!.complete, false);
    assert.equal(space!.placements.length, 2);
    topology.close();
  });
});
