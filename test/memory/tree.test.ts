import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type MemoryRegion, MemoryTopology, type RegionKind } from '../../lib/index.js';
import { viewLines } from './view-lines.js';

const WHOLE = 1n << 64n;

function names(regions: readonly MemoryRegion[]): string[] {
  return regions.map(({ name }) => name);
}

suite('kinds of regions', () => {
  const topology = new MemoryTopology();
  const kinds: Record<RegionKind, { region: MemoryRegion; terminates: boolean; isRam: boolean }> = {
    container: {
      region: topology.container('x', 0x1000),
      terminates: false,
      isRam: false,
    },
    io: { region: topology.io('x', 0x1000, {}), terminates: true, isRam: false },
    ram: { region: topology.ram('x', 0x1000), terminates: true, isRam: true },
    rom: { region: topology.rom('x', 0x1000), terminates: true, isRam: true },
    'ram-device': {
      region: topology.ramDevice('x', 0x1000, { backing: 'none' }),
      terminates: true,
      isRam: true,
    },
    'rom-device': {
      region: topology.romDevice('x', 0x1000, {}),
      terminates: true,
      isRam: false,
    },
    alias: {
      region: topology.alias('x', topology.container('target', 0x1000)),
      terminates: false,
      isRam: false,
    },
    reservation: { region: topology.reservation('x', 0x1000), terminates: true, isRam: false },
    iommu: {
      region: topology.iommu('x', 0x1000, { translate: () => undefined }),
      terminates: true,
      isRam: false,
    },
  };

  for (const [kind, { region, terminates, isRam }] of Object.entries(kinds)) {
    test(`${kind}: its attributes when it is made`, () => {
      assert.equal(region.kind, kind);
      assert.equal(region.topology, topology);
      assert.equal(region.name, 'x');
      assert.equal(region.owner, undefined);
      assert.equal(region.address, 0n);
      assert.equal(region.size, 0x1000n);
      assert.equal(region.priority, 0);
      assert.equal(region.enabled, true);
      assert.equal(region.readonly, kind === 'rom');
      assert.equal(region.nonvolatile, false);
      assert.equal(region.unmergeable, false);
      assert.equal(region.terminates, terminates);
      assert.equal(region.isRam, isRam);
      assert.equal(region.parent, undefined);
      assert.deepEqual(region.subregions, []);
      assert.equal(region.isMapped, false);
      assert.equal(region.isDestroyed, false);
      assert.equal(region.dirtyLogMask, 0);
      assert.deepEqual(region.ioeventfds, []);
      assert.deepEqual(region.coalescedRanges, []);
    });
  }
});

suite('attributes of regions', () => {
  test('options set them from the beginning', () => {
    const topology = new MemoryTopology();
    const options = {
      owner: '/machine/device[0]',
      enabled: false,
      readonly: true,
      nonvolatile: true,
      unmergeable: true,
    };
    const ram = topology.ram('ram', 0x1000, { ...options, backing: 'none' });
    const { owner, enabled, readonly, nonvolatile, unmergeable } = ram;
    assert.deepEqual({ owner, enabled, readonly, nonvolatile, unmergeable }, options);
  });

  test('a rom may be made writable', () => {
    const topology = new MemoryTopology();
    const rom = topology.rom('rom', 0x1000, { backing: 'none', readonly: false });
    assert.equal(rom.readonly, false);
  });

  test('sizes are 65-bit: 0 to 2^64', () => {
    const topology = new MemoryTopology();
    for (const size of [0n, 1n, WHOLE - 1n, WHOLE]) {
      const region = topology.container('region', size);
      assert.equal(region.size, size);
      region.size = 1n;
      region.size = size;
      assert.equal(region.size, size);
    }
  });

  test('numbers are accepted where they are exact; results are bigint', () => {
    const topology = new MemoryTopology();
    const parent = topology.container('parent', 2 ** 40);
    const child = topology.io('child', 0x1000, {});
    parent.addSubregion(0x2000, child);
    assert.equal(parent.size, 1n << 40n);
    assert.equal(child.address, 0x2000n);
    child.address = Number.MAX_SAFE_INTEGER;
    assert.equal(child.address, 2n ** 53n - 1n);
    child.size = 8;
    assert.equal(child.size, 8n);
  });

  test('names need not be unique, and may be empty', () => {
    const topology = new MemoryTopology();
    const [a, b] = [topology.container('', 1), topology.container('', 1)];
    assert.notEqual(a.id, b.id);
    assert.equal(a.name, b.name);
  });

  test('an alias without size shows its target from the offset to the end', () => {
    const topology = new MemoryTopology();
    const target = topology.container('target', WHOLE);
    assert.equal(topology.alias('all', target).size, WHOLE);
    const rest = topology.alias('rest', target, { offset: 0x1000 });
    assert.equal(rest.size, WHOLE - 0x1000n);
    assert.equal(rest.offset, 0x1000n);
    assert.equal(rest.target, target);
    rest.offset = 0x2000n;
    assert.equal(rest.offset, 0x2000n);
    assert.equal(rest.size, WHOLE - 0x1000n);
    const beyond = topology.alias('beyond', topology.container('small', 8), { offset: 8 });
    assert.equal(beyond.size, 0n);
  });
});

suite('stacking', () => {
  test('subregions are listed in stacking order: priority, then the last added first', () => {
    const topology = new MemoryTopology();
    const parent = topology.container('parent', WHOLE);
    const add = (name: string, priority: number): MemoryRegion => {
      const child = topology.io(name, 0x1000, {});
      parent.addSubregion(0, child, { priority });
      return child;
    };
    const low = add('low', -1);
    const a = add('a', 0);
    const b = add('b', 0);
    add('high', 1);
    add('c', 0);
    add('lowest', -(2 ** 31));
    add('highest', 2 ** 31 - 1);
    assert.deepEqual(names(parent.subregions), ['highest', 'high', 'c', 'b', 'a', 'low', 'lowest']);
    a.address = 0x10n;
    assert.deepEqual(names(parent.subregions).slice(2, 5), ['a', 'c', 'b']);
    low.priority = 0;
    assert.deepEqual(names(parent.subregions).slice(2, 6), ['low', 'a', 'c', 'b']);
    b.priority = 0;
    assert.deepEqual(names(parent.subregions).slice(2, 6), ['low', 'a', 'c', 'b']);
    parent.removeSubregion(b);
    parent.addSubregion(0, b);
    assert.deepEqual(names(parent.subregions).slice(2, 6), ['b', 'low', 'a', 'c']);
  });

  test('setting anything but address and priority keeps the order', () => {
    const topology = new MemoryTopology();
    const parent = topology.container('parent', WHOLE);
    const first = topology.ram('first', 0x1000, { backing: 'none' });
    const alias = topology.alias('alias', first);
    const flash = topology.romDevice('flash', 0x1000, {}, { backing: 'none' });
    const order = ['last', 'flash', 'alias', 'first'];
    parent.addSubregion(0, first);
    parent.addSubregion(0, alias);
    parent.addSubregion(0, flash);
    parent.addSubregion(0, topology.io('last', 0x1000, {}));
    first.enabled = false;
    first.readonly = true;
    first.nonvolatile = true;
    first.unmergeable = true;
    first.size = 0x2000n;
    first.setDirtyLog('vga', true);
    alias.offset = 8n;
    flash.romd = false;
    assert.deepEqual(names(parent.subregions), order);
  });

  test('setting the address that it has already does not move a region to the front', () => {
    const topology = new MemoryTopology();
    const parent = topology.container('parent', WHOLE);
    const first = topology.io('first', 0x1000, {});
    parent.addSubregion(0, first);
    parent.addSubregion(0, topology.io('second', 0x1000, {}));
    first.address = 0n;
    assert.deepEqual(names(parent.subregions), ['second', 'first']);
  });

  test('the list of subregions is a snapshot that cannot be changed', () => {
    const topology = new MemoryTopology();
    const parent = topology.container('parent', WHOLE);
    parent.addSubregion(0, topology.io('first', 1, {}));
    const before = parent.subregions;
    assert.throws(() => (before as MemoryRegion[]).push(parent), TypeError);
    parent.addSubregion(0, topology.io('second', 1, {}));
    assert.deepEqual(names(before), ['first']);
    assert.deepEqual(names(parent.subregions), ['second', 'first']);
  });
});

suite('mapping and destroying', () => {
  test('a removed region keeps its address and priority, and may go elsewhere', () => {
    const topology = new MemoryTopology();
    const [here, there] = [topology.container('here', WHOLE), topology.container('there', WHOLE)];
    const region = topology.io('region', 0x1000, {});
    here.addSubregion(0x4000, region, { priority: 7 });
    here.removeSubregion(region);
    assert.equal(region.parent, undefined);
    assert.equal(region.address, 0x4000n);
    assert.equal(region.priority, 7);
    there.addSubregion(0x8000, region);
    assert.equal(region.parent, there);
    assert.equal(region.address, 0x8000n);
    assert.equal(region.priority, 0);
  });

  test('a region is mapped while it, or an alias that shows it, has a parent', () => {
    const topology = new MemoryTopology();
    const parent = topology.container('parent', WHOLE);
    const region = topology.io('region', 0x1000, {});
    parent.addSubregion(0, region);
    assert.equal(region.isMapped, true);
    parent.removeSubregion(region);
    assert.equal(region.isMapped, false);
    const alias = topology.alias('alias', region);
    const outer = topology.alias('outer', alias);
    assert.equal(region.isMapped, false);
    parent.addSubregion(0, outer);
    assert.equal(alias.isMapped, true);
    assert.equal(region.isMapped, true);
    parent.removeSubregion(outer);
    assert.equal(region.isMapped, false);
  });

  test('a destroyed region is gone for good', () => {
    const topology = new MemoryTopology();
    const region = topology.io('region', 0x1000, {});
    region.destroy();
    assert.equal(region.isDestroyed, true);
    assert.equal(region.name, 'region');
  });

  test('address spaces are listed in the order in which they were made', () => {
    const topology = new MemoryTopology();
    const root = topology.container('root', WHOLE);
    const [a, b, c] = [
      topology.addressSpace('a', root),
      topology.addressSpace('b', root),
      topology.addressSpace('a', root),
    ];
    assert.deepEqual(topology.addressSpaces, [a, b, c]);
    b.destroy();
    assert.equal(b.isDestroyed, true);
    assert.deepEqual(topology.addressSpaces, [a, c]);
    const d = topology.addressSpace('d', root);
    assert.deepEqual(topology.addressSpaces, [a, c, d]);
  });

  test('two topologies have nothing in common', () => {
    const [one, two] = [new MemoryTopology(), new MemoryTopology()];
    const spaces = [one, two].map((topology, i) => {
      const root = topology.container('root', WHOLE);
      root.addSubregion(i * 0x1000, topology.io(`io${i}`, 0x1000, {}));
      return topology.addressSpace('memory', root);
    });
    assert.deepEqual(spaces.map(viewLines), [['0x0-0xfff io0'], ['0x1000-0x1fff io1']]);
    one.close();
    assert.deepEqual(viewLines(spaces[1]!), ['0x1000-0x1fff io1']);
  });

  test('a million regions, one in the other, are refused without a crash', () => {
    const topology = new MemoryTopology();
    const root = topology.container('root', WHOLE);
    const space = topology.addressSpace('memory', root);
    assert.throws(
      () =>
        topology.transaction(() => {
          let parent = root;
          for (let i = 0; i < 1_000_000; i++) {
            const child = topology.container('nested', WHOLE);
            parent.addSubregion(0, child);
            parent = child;
          }
          parent.addSubregion(0, topology.io('bottom', 1, {}));
        }),
      { code: 'ERR_TOO_DEEP' },
    );
    assert.deepEqual(viewLines(space), []);
    assert.deepEqual(root.subregions, []);
    root.addSubregion(0, topology.io('io', 1, {}));
    assert.deepEqual(viewLines(space), ['0x0-0x0 io']);
  });
});
