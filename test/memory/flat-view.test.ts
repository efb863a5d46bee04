import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type AddressSpace, type MemoryRegion, MemoryTopology } from '../../lib/index.js';
import { viewLines } from './view-lines.js';

const WHOLE = 1n << 64n;
const LAST = WHOLE - 1n;

/** A topology with one address space over a container of all addresses. */
function machine(): { topology: MemoryTopology; system: MemoryRegion; memory: AddressSpace } {
  const topology = new MemoryTopology();
  const system = topology.container('system', WHOLE);
  return { topology, system, memory: topology.addressSpace('memory', system) };
}

/** A ram without memory. */
function ram(topology: MemoryTopology, name: string, size: bigint | number): MemoryRegion {
  return topology.ram(name, size, { backing: 'none' });
}

suite('Exact: the rules of rendering', () => {
  test('a child that sticks out of its parent is clipped', () => {
    const { topology, system, memory } = machine();
    const box = topology.container('box', 0x1000);
    system.addSubregion(0x10000, box);
    box.addSubregion(0x800, ram(topology, 'ram', 0x10000));
    assert.deepEqual(viewLines(memory), ['0x10800-0x10fff ram']);
  });

  test('a child wholly outside of its parent shows nothing', () => {
    const { topology, system, memory } = machine();
    const box = topology.container('box', 0x1000);
    system.addSubregion(0, box);
    box.addSubregion(0x1000, ram(topology, 'ram', 0x1000));
    assert.deepEqual(viewLines(memory), []);
  });

  test('a grandchild is clipped by every ancestor', () => {
    const { topology, system, memory } = machine();
    const outer = topology.container('outer', 0x1000);
    const inner = topology.container('inner', 0x10000);
    system.addSubregion(0x4000, outer);
    outer.addSubregion(0x100, inner);
    inner.addSubregion(0x100, ram(topology, 'ram', 0x10000));
    assert.deepEqual(viewLines(memory), ['0x4200-0x4fff ram']);
  });

  test('what begins below an alias offset is at a negative place and shows from its middle on', () => {
    const { topology, system, memory } = machine();
    const target = topology.container('target', 0x4000);
    target.addSubregion(0, ram(topology, 'low', 0x2000));
    target.addSubregion(0x2000, ram(topology, 'high', 0x1000));
    system.addSubregion(0, topology.alias('window', target, { offset: 0x1000, size: 0x2000 }));
    assert.deepEqual(viewLines(memory), ['0x0-0xfff low+0x1000', '0x1000-0x1fff high']);
  });

  test('an alias of an alias shows what that one shows', () => {
    const { topology, system, memory } = machine();
    const target = ram(topology, 'ram', 0x4000);
    const first = topology.alias('first', target, { offset: 0x1000, size: 0x2000 });
    system.addSubregion(0x8000, topology.alias('second', first, { offset: 0x800, size: 0x4000 }));
    assert.deepEqual(viewLines(memory), ['0x8000-0x97ff ram+0x1800']);
  });

  test('an alias into a container with holes shows the holes', () => {
    const { topology, system, memory } = machine();
    const target = topology.container('target', 0x4000);
    target.addSubregion(0x1000, ram(topology, 'a', 0x800));
    target.addSubregion(0x2000, ram(topology, 'b', 0x800));
    system.addSubregion(0, ram(topology, 'below', 0x10000));
    const window = topology.alias('window', target, { offset: 0x1400, size: 0x1000 });
    system.addSubregion(0x8000, window, { priority: 1 });
    assert.deepEqual(viewLines(memory), [
      '0x0-0x7fff below',
      '0x8000-0x83ff a+0x400',
      '0x8400-0x8bff below+0x8400',
      '0x8c00-0x8fff b',
      '0x9000-0xffff below+0x9000',
    ]);
  });

  test('an alias is as wide as it is, and no wider than its target', () => {
    const { topology, system, memory } = machine();
    const target = ram(topology, 'ram', 0x2000);
    system.addSubregion(0, topology.alias('narrow', target, { size: 0x1000 }));
    system.addSubregion(0x10000, topology.alias('wide', target, { size: 0x8000 }));
    system.addSubregion(0x20000, topology.alias('beyond', target, { offset: 0x2000, size: 8 }));
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram', '0x10000-0x11fff ram']);
  });

  test('the address of an alias target in its own container plays no part', () => {
    const { topology, system, memory } = machine();
    const box = topology.container('box', 0x10000);
    const target = ram(topology, 'ram', 0x1000);
    box.addSubregion(0x4000, target);
    system.addSubregion(0x1000, topology.alias('window', target));
    assert.deepEqual(viewLines(memory), ['0x1000-0x1fff ram']);
  });

  test('a disabled target is hidden in its aliases too', () => {
    const { topology, system, memory } = machine();
    const target = ram(topology, 'ram', 0x1000);
    system.addSubregion(0, topology.alias('window', target));
    target.enabled = false;
    assert.deepEqual(viewLines(memory), []);
    target.enabled = true;
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram']);
  });

  test('a target shows through an alias while its container is disabled', () => {
    const { topology, system, memory } = machine();
    const box = topology.container('box', 0x1000, { enabled: false });
    const target = ram(topology, 'ram', 0x1000);
    system.addSubregion(0x8000, box);
    box.addSubregion(0, target);
    system.addSubregion(0, topology.alias('window', target));
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram']);
  });

  test('a disabled region is hidden with all below it', () => {
    const { topology, system, memory } = machine();
    const io = topology.io('io', 0x1000, {});
    io.addSubregion(0, ram(topology, 'ram', 0x800));
    system.addSubregion(0, io);
    assert.deepEqual(viewLines(memory), ['0x0-0x7ff ram', '0x800-0xfff io+0x800']);
    io.enabled = false;
    assert.deepEqual(viewLines(memory), []);
  });

  test('through a hole of a container of high priority its lower sibling shows', () => {
    const { topology, system, memory } = machine();
    const box = topology.container('box', 0x3000);
    box.addSubregion(0x1000, ram(topology, 'inner', 0x1000));
    system.addSubregion(0, box, { priority: 10 });
    system.addSubregion(0, ram(topology, 'ram', 0x3000));
    assert.deepEqual(viewLines(memory), [
      '0x0-0xfff ram',
      '0x1000-0x1fff inner',
      '0x2000-0x2fff ram+0x2000',
    ]);
  });

  test('priorities count among siblings only', () => {
    const { topology, system, memory } = machine();
    const box = topology.container('box', 0x1000);
    box.addSubregion(0, ram(topology, 'urgent', 0x1000), { priority: 1000 });
    system.addSubregion(0, box, { priority: 0 });
    system.addSubregion(0, ram(topology, 'modest', 0x800), { priority: 1 });
    assert.deepEqual(viewLines(memory), ['0x0-0x7ff modest', '0x800-0xfff urgent+0x800']);
  });

  test('a region with subregions shows itself behind them', () => {
    const { topology, system, memory } = machine();
    const bar = topology.io('bar', 0x1000, {});
    bar.addSubregion(0x70, topology.io('quirk', 8, {}), { priority: -5 });
    system.addSubregion(0xe000, bar);
    assert.deepEqual(viewLines(memory), [
      '0xe000-0xe06f bar',
      '0xe070-0xe077 quirk',
      '0xe078-0xefff bar+0x78',
    ]);
  });

  test('a reservation hides what lies below it', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, ram(topology, 'ram', 0x3000));
    system.addSubregion(0x1000, topology.reservation('reserved', 0x1000), { priority: 1 });
    assert.deepEqual(viewLines(memory), [
      '0x0-0xfff ram',
      '0x1000-0x1fff reserved',
      '0x2000-0x2fff ram+0x2000',
    ]);
  });

  test('of two regions of equal priority the one that was added last wins', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, ram(topology, 'first', 0x1000));
    system.addSubregion(0x800, ram(topology, 'second', 0x1000));
    assert.deepEqual(viewLines(memory), ['0x0-0x7ff first', '0x800-0x17ff second']);
  });

  test('moving a region re-adds it: it wins over its equals', () => {
    const { topology, system, memory } = machine();
    const first = ram(topology, 'first', 0x1000);
    system.addSubregion(0, first);
    system.addSubregion(0x800, ram(topology, 'second', 0x1000));
    first.address = 0x400n;
    assert.deepEqual(viewLines(memory), ['0x400-0x13ff first', '0x1400-0x17ff second+0xc00']);
  });

  test('a read-only alias of writable ram shows it read-only, elsewhere it stays writable', () => {
    const { topology, system, memory } = machine();
    const target = ram(topology, 'ram', 0x2000);
    system.addSubregion(0, target);
    system.addSubregion(0x8000, topology.alias('shadow', target, { readonly: true }));
    assert.deepEqual(viewLines(memory), ['0x0-0x1fff ram', '0x8000-0x9fff ram ro']);
  });

  test('read-only, nonvolatile and unmergeable of a container or alias hold for all that shows through it', () => {
    const { topology, system, memory } = machine();
    const box = topology.container('box', 0x1000, { readonly: true });
    const target = ram(topology, 'ram', 0x1000);
    box.addSubregion(0, topology.alias('window', target, { nonvolatile: true }));
    system.addSubregion(0, box);
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram ro nv']);
    box.unmergeable = true;
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram ro nv um']);
    box.readonly = false;
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram nv um']);
  });

  test('a rom is read-only', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, topology.rom('bios', 0x1000, { backing: 'none' }));
    assert.deepEqual(viewLines(memory), ['0x0-0xfff bios ro']);
  });

  test('a rom device says in its ranges whether it reads like memory', () => {
    const { topology, system, memory } = machine();
    const flash = topology.romDevice('flash', 0x1000, {}, { backing: 'none' });
    system.addSubregion(0, flash);
    assert.equal(memory.flatView.lookup(0n)?.romd, true);
    flash.romd = false;
    assert.equal(memory.flatView.lookup(0n)?.romd, false);
  });

  test('a region of size 0 shows nothing, not even its subregions', () => {
    const { topology, system, memory } = machine();
    const empty = topology.container('empty', 0);
    empty.addSubregion(0, ram(topology, 'ram', 0x1000));
    system.addSubregion(0, empty);
    system.addSubregion(0x1000, ram(topology, 'nothing', 0));
    assert.deepEqual(viewLines(memory), []);
  });

  test('a region of 2^64 bytes fills all addresses', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, topology.io('everything', WHOLE, {}));
    assert.deepEqual(viewLines(memory), ['0x0-0xffffffffffffffff everything']);
    assert.equal(memory.flatView.lookup(LAST)?.size, WHOLE);
  });

  test('what reaches beyond the last address is cut there', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(LAST - 0xfffn, ram(topology, 'ram', 0x10000));
    system.addSubregion(LAST, topology.io('last', WHOLE, {}), { priority: 1 });
    assert.deepEqual(viewLines(memory), [
      '0xfffffffffffff000-0xfffffffffffffffe ram',
      '0xffffffffffffffff-0xffffffffffffffff last',
    ]);
  });

  test('the address of a root shifts its address space', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0x1000, ram(topology, 'ram', 0x1000));
    system.address = 0x10000n;
    assert.deepEqual(viewLines(memory), ['0x11000-0x11fff ram']);
  });

  test('a region that is a subregion shifts an address space of which it is the root', () => {
    const { topology, system } = machine();
    const device = ram(topology, 'device', 0x1000);
    system.addSubregion(0x4000, device);
    const own = topology.addressSpace('own', device);
    assert.deepEqual(viewLines(own), ['0x4000-0x4fff device']);
    device.address = 0x8000n;
    assert.deepEqual(viewLines(own), ['0x8000-0x8fff device']);
  });

  test('an alias back to an ancestor is legal where clipping ends it', () => {
    const { topology, system, memory } = machine();
    const box = topology.container('box', 0x4000);
    box.addSubregion(0, ram(topology, 'ram', 0x1000));
    box.addSubregion(0x1000, topology.alias('again', box, { size: 0x2000 }));
    system.addSubregion(0, box);
    assert.deepEqual(viewLines(memory), [
      '0x0-0xfff ram',
      '0x1000-0x1fff ram',
      '0x2000-0x2fff ram',
    ]);
  });
});

suite('Exact: merging', () => {
  test('neighbours that continue each other are one range', () => {
    const { topology, system, memory } = machine();
    const target = ram(topology, 'ram', 0x3000);
    system.addSubregion(0, topology.alias('a', target, { size: 0x1000 }));
    system.addSubregion(0x1000, topology.alias('b', target, { offset: 0x1000, size: 0x1000 }));
    system.addSubregion(0x2000, topology.alias('c', target, { offset: 0x2000, size: 0x1000 }));
    assert.deepEqual(viewLines(memory), ['0x0-0x2fff ram']);
  });

  test('neighbours of which one is read-only, nonvolatile or unmergeable stay apart', () => {
    const { topology, system, memory } = machine();
    const target = ram(topology, 'ram', 0x2000);
    const a = topology.alias('a', target, { size: 0x1000 });
    const b = topology.alias('b', target, { offset: 0x1000, size: 0x1000 });
    system.addSubregion(0, a);
    system.addSubregion(0x1000, b);
    assert.deepEqual(viewLines(memory), ['0x0-0x1fff ram']);
    a.readonly = true;
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram ro', '0x1000-0x1fff ram+0x1000']);
    b.readonly = true;
    assert.deepEqual(viewLines(memory), ['0x0-0x1fff ram ro']);
    b.nonvolatile = true;
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram ro', '0x1000-0x1fff ram+0x1000 ro nv']);
    b.nonvolatile = false;
    a.unmergeable = true;
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram ro um', '0x1000-0x1fff ram+0x1000 ro']);
  });

  test('unmergeable neighbours stay apart too', () => {
    const { topology, system, memory } = machine();
    const target = ram(topology, 'ram', 0x2000);
    target.unmergeable = true;
    system.addSubregion(0, topology.alias('a', target, { size: 0x1000 }));
    system.addSubregion(0x1000, topology.alias('b', target, { offset: 0x1000, size: 0x1000 }));
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram um', '0x1000-0x1fff ram+0x1000 um']);
  });

  test('an edge that cannot be seen does not split a range, unmergeable or not', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0x400, ram(topology, 'hidden', 0x400));
    const cover = ram(topology, 'cover', 0x1000);
    cover.unmergeable = true;
    system.addSubregion(0, cover);
    assert.deepEqual(viewLines(memory), ['0x0-0xfff cover um']);
  });

  test('neighbours with a gap in the offset stay apart', () => {
    const { topology, system, memory } = machine();
    const target = ram(topology, 'ram', 0x3000);
    system.addSubregion(0, topology.alias('a', target, { size: 0x1000 }));
    system.addSubregion(0x1000, topology.alias('b', target, { offset: 0x2000, size: 0x1000 }));
    assert.deepEqual(viewLines(memory), ['0x0-0xfff ram', '0x1000-0x1fff ram+0x2000']);
  });
});

suite('Exact: views and their roots', () => {
  test('address spaces with one root share one view', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, ram(topology, 'a', 0x1000));
    system.addSubregion(0x1000, ram(topology, 'b', 0x1000));
    const other = topology.addressSpace('other', system);
    assert.equal(other.flatView, memory.flatView);
    assert.equal(memory.flatView.root, system);
  });

  test('bus-master containers with an alias of all of memory share its view', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, ram(topology, 'a', 0x1000));
    system.addSubregion(0x1000, ram(topology, 'b', 0x1000));
    const masters = Array.from({ length: 3 }, (_, i) => {
      const bus = topology.container(`bus master container ${i}`, WHOLE);
      const window = topology.alias('bus master', system, { enabled: false });
      bus.addSubregion(0, window);
      return { window, space: topology.addressSpace(`device ${i}`, bus) };
    });
    const [one, two, three] = masters;
    assert.ok(one && two && three);
    assert.equal(one.space.flatView.root, undefined);
    assert.equal(one.space.flatView, two.space.flatView);
    two.window.enabled = true;
    three.window.enabled = true;
    assert.equal(two.space.flatView, memory.flatView);
    assert.equal(three.space.flatView, memory.flatView);
    assert.notEqual(one.space.flatView, memory.flatView);
  });

  test('a root that changes how things look is not passed over', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, ram(topology, 'a', 0x1000));
    system.addSubregion(0x1000, ram(topology, 'b', 0x1000));
    const roots = [
      topology.alias('read-only', system, { readonly: true }),
      topology.alias('nonvolatile', system, { nonvolatile: true }),
      topology.alias('unmergeable', system, { unmergeable: true }),
      topology.alias('offset', system, { offset: 0x1000 }),
      topology.alias('narrow', system, { size: 0x1800 }),
    ];
    for (const root of roots) {
      const space = topology.addressSpace(root.name, root);
      assert.equal(space.flatView.root, root);
      assert.notEqual(space.flatView, memory.flatView);
    }
    const moved = topology.alias('moved', system);
    moved.address = 0x1000n;
    const space = topology.addressSpace('moved', moved);
    assert.deepEqual(viewLines(space), ['0x1000-0x1fff a', '0x2000-0x2fff b']);
  });

  test('a view without anything is the empty one, shared by all', () => {
    const { topology, system, memory } = machine();
    const other = topology.addressSpace('other', topology.container('bare', 0x1000));
    assert.equal(memory.flatView.root, undefined);
    assert.equal(memory.flatView.rangeCount, 0);
    assert.equal(memory.flatView.lookup(0n), undefined);
    assert.deepEqual([...memory.flatView.ranges()], []);
    assert.equal(memory.flatView, other.flatView);
    system.enabled = false;
    assert.equal(memory.flatView, other.flatView);
  });

  test('a view that a change does not touch stays the same object', () => {
    const { topology, memory, system } = machine();
    system.addSubregion(0, ram(topology, 'ram', 0x1000));
    const ports = topology.container('ports', 0x10000);
    const io = topology.addressSpace('I/O', ports);
    const before = memory.flatView;
    ports.addSubregion(0x60, topology.io('keyboard', 8, {}));
    assert.equal(memory.flatView, before);
    assert.deepEqual(viewLines(io), ['0x60-0x67 keyboard']);
  });
});

suite('FlatView', () => {
  function populated(): { space: AddressSpace; topology: MemoryTopology; system: MemoryRegion } {
    const { topology, system, memory } = machine();
    system.addSubregion(0x1000, ram(topology, 'a', 0x1000));
    system.addSubregion(0x2000, ram(topology, 'b', 0x800));
    system.addSubregion(LAST - 0xfffn, ram(topology, 'top', 0x1000));
    return { space: memory, topology, system };
  }

  test('lookup finds the range that holds an address, and nothing in a hole', () => {
    const { space } = populated();
    const found = [0n, 0xfffn, 0x1000n, 0x1fffn, 0x2000n, 0x27ffn, 0x2800n, LAST - 0x1000n, LAST];
    assert.deepEqual(
      found.map((address) => space.flatView.lookup(address)?.region.name),
      [undefined, undefined, 'a', 'a', 'b', 'b', undefined, undefined, 'top'],
    );
  });

  test('from starts with the range that holds the address, or the next one', () => {
    const { space } = populated();
    const names = (address: bigint): string[] =>
      Array.from(space.flatView.from(address), ({ region }) => region.name);
    assert.deepEqual(names(0n), ['a', 'b', 'top']);
    assert.deepEqual(names(0x1fffn), ['a', 'b', 'top']);
    assert.deepEqual(names(0x2000n), ['b', 'top']);
    assert.deepEqual(names(0x2800n), ['top']);
    assert.deepEqual(names(LAST), ['top']);
  });

  test('iteration goes on over any number of ranges, and can be broken off', () => {
    const { topology, system, memory } = machine();
    topology.transaction(() => {
      for (let i = 0; i < 5000; i++) system.addSubregion(i * 0x100, topology.io(`r${i}`, 0x80, {}));
    });
    const names = Array.from(memory.flatView, ({ region }) => region.name);
    assert.equal(names.length, 5000);
    assert.equal(memory.flatView.rangeCount, 5000);
    assert.ok(names.every((name, i) => name === `r${i}`));
    let seen = 0;
    for (const { region } of memory.flatView.ranges()) {
      if (region.name === 'r70') break;
      seen++;
    }
    assert.equal(seen, 70);
  });

  test('two iterations and lookups in between do not disturb each other', () => {
    const { topology, system, memory } = machine();
    topology.transaction(() => {
      for (let i = 0; i < 200; i++) system.addSubregion(i * 0x100, topology.io(`r${i}`, 0x80, {}));
    });
    const { flatView } = memory;
    const other = flatView.from(0x6400);
    let i = 0;
    for (const range of flatView) {
      assert.equal(range.region.name, `r${i}`);
      const beside = other.next().value;
      if (i < 100) assert.equal(beside?.region.name, `r${100 + i}`);
      assert.equal(flatView.lookup(0x100 * (199 - i))?.region.name, `r${199 - i}`);
      i++;
    }
    assert.equal(i, 200);
  });

  test('a view is a snapshot: it stays as it is while the tree goes on', () => {
    const { space, topology, system } = populated();
    const before = space.flatView;
    const iteration = before.ranges();
    assert.equal(iteration.next().value?.region.name, 'a');
    topology.transaction(() => {
      for (const region of [...system.subregions]) {
        system.removeSubregion(region);
        region.destroy();
      }
      system.addSubregion(0, ram(topology, 'new', WHOLE));
    });
    assert.deepEqual(
      Array.from(iteration, ({ region }) => region.name),
      ['b', 'top'],
    );
    assert.equal(before.lookup(0x2000n)?.region.name, 'b');
    assert.equal(before.rangeCount, 3);
    assert.deepEqual(viewLines(space), ['0x0-0xffffffffffffffff new']);
  });

  test('a snapshot outlives the destruction and reuse of the regions that it shows', () => {
    const { topology, system, memory } = machine();
    const first = topology.io('first', 0x1000, {});
    system.addSubregion(0, first);
    const before = memory.flatView;
    system.removeSubregion(first);
    first.destroy();
    // Enough regions come and go that their numbers are used again.
    for (let round = 0; round < 3; round++) {
      const many = Array.from({ length: 2000 }, (_, i) => topology.io(`n${round}.${i}`, 8, {}));
      topology.transaction(() => {
        for (const [i, region] of many.entries()) system.addSubregion(i * 8, region);
      });
      topology.transaction(() => {
        for (const region of many) {
          system.removeSubregion(region);
          region.destroy();
        }
      });
    }
    assert.equal(before.lookup(0n)?.region, first);
  });

  test('a snapshot outlives its topology', () => {
    const { space, topology } = populated();
    const before = space.flatView;
    topology.close();
    assert.deepEqual(
      Array.from(before, ({ region }) => region.name),
      ['a', 'b', 'top'],
    );
  });

  test('addresses may be numbers; results are bigint', () => {
    const { space } = populated();
    const range = space.flatView.lookup(0x1800);
    assert.equal(range?.address, 0x1000n);
    assert.equal(range.size, 0x1000n);
    assert.equal(range.offset, 0n);
  });
});

suite('FlatView.lookup, again and again', () => {
  /** Where ranges can be confused: a byte wide, next to each other, with holes, and above 2^32, 2^44 and 2^53. */
  const bases = [0n, 1n << 32n, 1n << 44n, 1n << 53n, LAST - 0xf_ffffn];
  const perBase = 800;

  function crowded(): { memory: AddressSpace; system: MemoryRegion; topology: MemoryTopology } {
    const { topology, system, memory } = machine();
    topology.transaction(() => {
      for (const [at, base] of bases.entries()) {
        for (let i = 0; i < perBase; i++) {
          const size = i % 3 === 0 ? 1 : 0x100 + i;
          system.addSubregion(base + BigInt(i) * 0x501n, ram(topology, `${at}.${i}`, size));
        }
      }
    });
    return { memory, system, topology };
  }

  test('finds the same as going through all ranges does, at every edge and in any order', () => {
    const { memory } = crowded();
    const view = memory.flatView;
    const ranges = [...view];
    assert.equal(ranges.length, bases.length * perBase);
    // So many, so often that what is remembered must be replaced, and grows.
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < ranges.length; i++) {
        const range = ranges[(i * 1009) % ranges.length]!;
        assert.equal(view.lookup(range.address)?.region, range.region);
        assert.equal(view.lookup(range.last)?.region, range.region);
        if (range.last < LAST) {
          const behind = view.lookup(range.last + 1n);
          const next = ranges[((i * 1009) % ranges.length) + 1];
          assert.equal(behind?.region, next?.address === range.last + 1n ? next.region : undefined);
        }
      }
    }
  });

  test('finds the edges of what is wider than the block of 16 MiB that it is remembered by', () => {
    const { topology, system, memory } = machine();
    const block = 1n << 24n;
    const wide = [
      { address: block, size: block },
      { address: 3n * block + 1n, size: block },
      { address: 5n * block, size: 2n * block - 1n },
      { address: (1n << 32n) - block, size: 2n * block },
      { address: (1n << 52n) - 1n, size: (1n << 52n) + 2n },
      { address: WHOLE - 3n * block, size: 2n * block + 1n },
    ];
    topology.transaction(() => {
      for (const { address, size } of wide) {
        system.addSubregion(address, ram(topology, `${address}`, size));
      }
    });
    const view = memory.flatView;
    const edges = wide.flatMap(({ address, size }) => [address, address + size]);
    const blocks = edges.map((edge) => (edge / block) * block);
    const around = [...edges, ...blocks, ...blocks.map((at) => at + block), 0n, WHOLE];
    const places = around
      .flatMap((at) => [at - block, at - 0x1000n, at - 1n, at, at + 1n, at + 0xfffn, at + block])
      .filter((place) => place >= 0n && place <= LAST);
    for (const place of [...places, ...places.toReversed(), ...places]) {
      const shown = wide.find((it) => place >= it.address && place < it.address + it.size);
      assert.equal(view.lookup(place)?.address, shown?.address, `at ${place}`);
    }
  });

  test('finds the region that has an id now, when ids are used again', () => {
    const { topology, system, memory } = machine();
    const ids = new Set<number>();
    let isUsedAgain = false;
    for (let i = 0; i < 3000; i++) {
      const region = ram(topology, `${i}`, 0x1000);
      system.addSubregion(0, region);
      assert.equal(memory.lookup(0)?.region, region);
      isUsedAgain ||= ids.has(region.id);
      ids.add(region.id);
      system.removeSubregion(region);
      region.destroy();
    }
    assert.ok(isUsedAgain);
  });

  test('finds nothing of the last commit in an address space, whatever was looked up before', () => {
    const { memory, system } = crowded();
    const places = [...memory.flatView].map(({ address }) => address);
    for (let round = 0; round < 2; round++) {
      for (const place of places) assert.notEqual(memory.lookup(place), undefined);
    }
    system.enabled = false;
    for (const place of places) assert.equal(memory.lookup(place), undefined);
    system.enabled = true;
    for (const place of places) assert.equal(memory.lookup(place)?.address, place);
  });
});

suite('AddressSpace.lookup, MemoryRegion.find and present', () => {
  test('lookup names the address space', () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0x1000, ram(topology, 'ram', 0x1000));
    const section = memory.lookup(0x1800n);
    assert.equal(section?.addressSpace, memory);
    assert.equal(section.region.name, 'ram');
    assert.equal(section.address, 0x1000n);
    assert.equal(memory.lookup(0n), undefined);
  });

  test('find gives the first section within a window of a region, cut to the window', () => {
    const { topology, system } = machine();
    const bus = topology.container('bus', 0x10000);
    system.addSubregion(0x100000, bus);
    bus.addSubregion(0x1000, ram(topology, 'ram', 0x1000));
    const found = bus.find(0x800, 0x1000);
    assert.equal(found?.region.name, 'ram');
    assert.equal(found.address, 0x101000n);
    assert.equal(found.size, 0x800n);
    assert.equal(found.offset, 0n);
    assert.equal(bus.find(0x1800, 0x10)?.offset, 0x800n);
    assert.equal(bus.find(0, 0x1000), undefined);
    assert.equal(bus.find(0x1000, 0), undefined);
    assert.equal(topology.container('nowhere', 0x1000).find(0, 0x1000), undefined);
  });

  test('present says whether something else than the region itself answers', () => {
    const { topology, system } = machine();
    const bus = topology.io('bus', 0x1000, {});
    system.addSubregion(0x4000, bus);
    bus.addSubregion(0x100, topology.io('device', 0x10, {}));
    assert.equal(bus.present(0x0ff), false);
    assert.equal(bus.present(0x100), true);
    assert.equal(bus.present(0x10f), true);
    assert.equal(bus.present(0x110), false);
  });
});
