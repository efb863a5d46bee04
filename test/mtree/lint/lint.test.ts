// Each kind of hazard on the smallest machine that has it, and on the one next to it that doesn't.

import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { type MemoryRegion, MemoryTopology } from '../../../lib/index.js';
import { type LintOptions, lint, lintSteps } from '../../../lib/mtree/lint/lint.js';
import { lintRuleIds } from '../../../lib/mtree/lint/rules.js';

const none = { backing: 'none' } as const;

/** System memory with a PCI bus below all else, as PCs have it. */
function pc() {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const pci = topology.container('pci', 1n << 64n);
  system.addSubregion(0, pci, { priority: -1 });
  const memory = topology.addressSpace('memory', system);
  const found = (options?: LintOptions) =>
    lint(topology.addressSpaces, options).findings.map(
      ({ id, severity, first, last, regions }) =>
        `${severity} ${id} ${first.toString(16)}-${last.toString(16)} ${regions.map((it) => it.name).join(', ')}`,
    );
  /** A BAR with the memory of a device in it, as vfio-pci stacks them. */
  const bar = (name: string, address: number, size: number, priority = 1) => {
    const base = topology.reservation(name, size);
    const mapped = topology.ramDevice(`${name} memory`, size, none);
    base.addSubregion(0, mapped);
    pci.addSubregion(address, base, { priority });
    return { base, mapped };
  };
  return { topology, system, pci, memory, found, bar };
}

suite('lint: memory and pages', () => {
  test('a page that a register cuts is split; VFIO skips its pieces', () => {
    const { topology, bar, found } = pc();
    const { base } = bar('bar2', 0xfebd_1000, 0x1000);
    assert.deepEqual(found(), []);
    base.addSubregion(0x70, topology.io('window', 8, {}), { priority: 1 });
    assert.deepEqual(found(), [
      'warning split-page febd1000-febd1fff bar2 memory, window',
      'note dma-skipped febd1000-febd106f bar2 memory',
      'note dma-skipped febd1078-febd1fff bar2 memory',
    ]);
  });

  test('two BARs share a page of 64 KiB, not of 4 KiB', () => {
    const { bar, found } = pc();
    bar('one', 0x1021_0000, 0x4000);
    bar('other', 0x1021_4000, 0x4000);
    assert.deepEqual(found(), []);
    assert.deepEqual(found({ pageSize: 0x10000n, ignore: ['dma-skipped'] }), [
      'warning shared-page 10210000-1021ffff one memory, other memory',
    ]);
  });

  test('a BAR that lies somewhere in a page, alone', () => {
    const { bar, found } = pc();
    bar('one', 0x1021_4000, 0x4000);
    assert.deepEqual(found({ pageSize: 0x10000n, ignore: ['dma-skipped'] }), [
      'warning partial-page 10210000-1021ffff one memory',
    ]);
  });

  test('what a bus shows where it has nothing is no neighbour', () => {
    const { topology, system, found } = pc();
    const window = topology.io('window', 1n << 64n, {});
    const bus = topology.container('pcibus', 1n << 64n);
    window.addSubregion(0, bus);
    system.addSubregion(0, window, { priority: -2 });
    bus.addSubregion(0x10000, topology.ramDevice('bar', 0x8000, none), { priority: 1 });
    assert.deepEqual(found({ pageSize: 0x10000n, ignore: ['dma-skipped'] }), [
      'warning partial-page 10000-1ffff bar',
    ]);
  });

  test('RAM smaller than a page was never meant to be mapped', () => {
    const { topology, system, found } = pc();
    system.addSubregion(0x4_0000, topology.ram('small', 0x400, none));
    system.addSubregion(0x8_0000, topology.ram('ragged', 0x1400, none));
    assert.deepEqual(found({ ignore: ['dma-skipped'] }), [
      'warning partial-page 81000-81fff ragged',
      'note partial-page 40000-40fff small',
    ]);
  });

  test('RAM of BARs was, however small it is', () => {
    const { topology, pci, found } = pc();
    for (const [at, name] of ['one', 'other'].entries()) {
      const region = topology.ram(name, 0x4000, none);
      pci.addSubregion(0x1021_0000 + 0x4000 * at, region, { priority: 1 });
    }
    assert.deepEqual(found({ ignore: ['dma-skipped'] }), []);
    assert.deepEqual(found({ pageSize: 0x10000n, only: ['shared-page'] }), [
      'warning shared-page 10210000-1021ffff one, other',
    ]);
  });

  test('pieces of one region that are not alike split a page', () => {
    const { topology, system, found } = pc();
    const ram = topology.ram('ram', 0x20000, none);
    system.addSubregion(0, ram);
    const half = topology.alias('rom', ram, { offset: 0x8000, size: 0x8000, readonly: true });
    system.addSubregion(0x8000, half, { priority: 1 });
    assert.deepEqual(found(), []);
    assert.deepEqual(found({ pageSize: 0x10000n, only: ['split-page'] }), [
      'warning split-page 0-ffff ram',
    ]);
  });

  test('an address and an offset that lie differently within a page', () => {
    const { topology, system, found } = pc();
    const ram = topology.ram('ram', 0x4000, none);
    system.addSubregion(0x1000, topology.alias('crooked', ram, { offset: 0x800, size: 0x2000 }));
    assert.deepEqual(found(), [
      'warning not-congruent 1000-2fff ram',
      'note dma-skipped 1000-2fff ram',
    ]);
    const { topology: other, system: root, found: foundThere } = pc();
    root.addSubregion(0x1200, other.ram('odd', 0x2000, none));
    assert.deepEqual(foundThere({ only: ['not-congruent'] }), [
      'warning not-congruent 1200-31ff odd',
    ]);
  });

  test('RAM that no device can reach is worse where a device is assigned', () => {
    const { topology, system, bar, found } = pc();
    system.addSubregion(0x9_0000, topology.ram('crb', 0x400, none));
    system.addSubregion(0xa_0000, topology.ram('ragged', 0x1400, none));
    const skipped = () => found({ only: ['dma-skipped'] });
    assert.deepEqual(skipped(), [
      'note dma-skipped 90000-903ff crb',
      'note dma-skipped a1000-a13ff ragged',
    ]);
    bar('bar', 0xfebd_1000, 0x1000);
    assert.deepEqual(skipped(), [
      'warning dma-skipped a1000-a13ff ragged',
      'note dma-skipped 90000-903ff crb',
    ]);
  });

  test('a BAR that is being sized lies where VFIO maps nothing', () => {
    const { pci, topology, found } = pc();
    pci.addSubregion(0xffff_ffff_fff0_0000n, topology.ramDevice('bar', 0x10000, none), {
      priority: 1,
    });
    assert.deepEqual(found(), ['note dma-skipped fffffffffff00000-fffffffffff0ffff bar']);
  });
});

suite('lint: who is on top', () => {
  test('equal priorities that overlap', () => {
    const { topology, pci, found } = pc();
    const one = topology.io('one', 0x2000, {});
    const other = topology.io('other', 0x2000, {});
    pci.addSubregion(0xf000_0000, one, { priority: 1 });
    pci.addSubregion(0xf000_1000, other, { priority: 1 });
    const equal = 'warning equal-priority f0001000-f0001fff one, other';
    assert.deepEqual(found(), [equal]);
    one.address = 0xf000_0800n;
    assert.match(found()[0] ?? '', /f0001000-f00027ff other, one$/);
    other.priority = 2;
    assert.deepEqual(found(), []);
  });

  test('where order decides nothing it is no hazard', () => {
    const { topology, pci, system, found } = pc();
    const ram = topology.ram('ram', 0x10000, none);
    system.addSubregion(0, topology.alias('low', ram, { size: 0x8000 }));
    system.addSubregion(0x4000, topology.alias('same', ram, { offset: 0x4000, size: 0x8000 }));
    assert.deepEqual(found({ only: ['equal-priority'] }), []);
    const [one, other, top] = ['one', 'other', 'top'].map((name) => topology.io(name, 0x1000, {}));
    for (const region of [one, other]) pci.addSubregion(0xf000_0000, region as MemoryRegion);
    pci.addSubregion(0xf000_0000, top as MemoryRegion, { priority: 1 });
    assert.deepEqual(found({ only: ['equal-priority'] }), [
      'note equal-priority f0000000-f0000fff one, other',
    ]);
  });

  test("one device's parts may overlap, and so may backgrounds", () => {
    const { topology, system, found } = pc();
    for (const name of ['a', 'b']) {
      system.addSubregion(0xf000_0000, topology.io(name, 16, {}, { owner: 'usb' }));
      system.addSubregion(0xf100_0000, topology.io(name, 16, {}), { priority: -1000 });
    }
    assert.ok(found().every((finding) => finding.startsWith('note ')));
    assert.equal(found({ only: ['equal-priority'] }).length, 2);
  });

  test('a BAR over RAM, whoever wins', () => {
    const { topology, system, pci, found } = pc();
    system.addSubregion(0, topology.ram('ram', 0x8000_0000, none));
    pci.addSubregion(0xa_0000, topology.io('video', 0x2_0000, {}), { priority: 1 });
    pci.addSubregion(0x8000_0000, topology.io('fine', 0x1000, {}), { priority: 1 });
    assert.deepEqual(found({ only: ['bar-over-ram'] }), []);
    pci.addSubregion(0x7fff_f000, topology.io('bar', 0x1000, {}), { priority: 1 });
    const hazard = ['error bar-over-ram 7ffff000-7fffffff bar, ram'];
    assert.deepEqual(found({ only: ['bar-over-ram'] }), hazard);
    pci.priority = 1;
    assert.deepEqual(found({ only: ['bar-over-ram'] }), hazard);
  });

  test("a BAR's own memory is no RAM of the machine", () => {
    const { topology, pci, found } = pc();
    const bar = topology.container('vga', 0x100_0000);
    bar.addSubregion(0, topology.ram('vram', 0x100_0000, none));
    pci.addSubregion(0xfd00_0000, bar, { priority: 1 });
    assert.deepEqual(found({ only: ['bar-over-ram'] }), []);
  });

  test('a BAR that stays grown at an address that is none of a page', () => {
    const { topology, pci, bar, found } = pc();
    const { base } = bar('grown', 0x1000_0000, 0x1000);
    pci.addSubregion(0x1000_1800, topology.io('victim', 0x100, {}), { priority: 1 });
    const tails = () => found({ only: ['expanded-tail'] });
    assert.deepEqual(tails(), []);
    base.address = 0x1000_1000n;
    assert.deepEqual(tails(), [], 'a whole page at the address of a page');
    base.address = 0x1000_1400n;
    assert.deepEqual(tails(), ['error expanded-tail 10001800-100018ff victim, grown']);
    base.priority = 0;
    assert.deepEqual(tails(), [], 'the neighbour is on top');
  });

  test('a region that nothing shows', () => {
    const { topology, system, found } = pc();
    const hidden = topology.io('hidden', 0x100, {});
    system.addSubregion(0xf000_0000, hidden);
    system.addSubregion(0xf000_0000, topology.io('over', 0x1000, {}), { priority: 1 });
    const shown = () => found({ only: ['never-shown'] });
    assert.deepEqual(shown(), ['warning never-shown f0000000-f00000ff hidden, over']);
    hidden.enabled = false;
    assert.deepEqual(shown(), []);
    hidden.enabled = true;
    topology.addressSpace('other', hidden);
    assert.deepEqual(shown(), [], 'another address space shows it');
  });

  test('a background behind its own subregions is covered as was meant', () => {
    const { bar, found } = pc();
    bar('bar', 0xf000_0000, 0x1000);
    assert.deepEqual(found({ only: ['never-shown', 'exposed-hole'] }), []);
  });

  test('a trapped register behind the mapped memory', () => {
    const { topology, bar, found } = pc();
    const { base } = bar('bar', 0xf000_0000, 0x1000);
    const table = topology.io('msix-table', 0x40, {});
    base.addSubregion(0, table, { priority: -1 });
    assert.deepEqual(found(), ['error exposed-hole f0000000-f000003f msix-table, bar memory']);
    table.priority = 1;
    assert.deepEqual(found({ only: ['exposed-hole'] }), []);
  });
});

suite('lint: regions that are not where they could show', () => {
  test('outside of the parent, of size 0, an alias to nothing', () => {
    const { topology, system, found } = pc();
    const box = topology.container('box', 0x1000);
    system.addSubregion(0xf000_0000, box);
    box.addSubregion(0x1000, topology.io('outside', 0x10, {}));
    box.addSubregion(0xff0, topology.io('cut', 0x20, {}));
    box.addSubregion(0, topology.io('empty', 0, {}));
    const device = topology.io('device', 0x40, {});
    box.addSubregion(0x100, topology.alias('behind', device, { offset: 0x40, size: 0x10 }));
    const off = topology.io('off', 0x40, {}, { enabled: false });
    box.addSubregion(0x200, topology.alias('blind', off, { size: 0x10 }));
    assert.deepEqual(found(), [
      'warning outside-parent f0001000-f000100f outside',
      'warning alias-to-nothing f0000100-f000010f behind',
      'note alias-to-nothing f0000200-f000020f blind',
      'note zero-size f0000000-f0000000 empty',
    ]);
  });

  test('what one alias cuts off another one may show', () => {
    const { topology, system, found } = pc();
    const bus = topology.container('bus', 0x10000);
    bus.addSubregion(0x8000, topology.io('device', 0x100, {}));
    system.addSubregion(0xf000_0000, topology.alias('first', bus, { size: 0x1000 }));
    system.addSubregion(0xf100_0000, topology.alias('second', bus, { offset: 0x8000 }));
    assert.deepEqual(found(), []);
  });
});

suite('lint', () => {
  test('looks for what it is asked for', () => {
    const { topology, system, found } = pc();
    system.addSubregion(0, topology.io('empty', 0, {}));
    assert.equal(found().length, 1);
    assert.deepEqual(found({ ignore: ['zero-size'] }), []);
    assert.deepEqual(found({ only: lintRuleIds.filter((id) => id !== 'zero-size') }), []);
    assert.throws(() => lint([], { pageSize: 3000n }), { code: 'ERR_INVALID_ARGUMENT' });
  });

  test('takes no longer for enormous memory', () => {
    const topology = new MemoryTopology();
    topology.addressSpace('memory', topology.ram('all', 1n << 64n, none));
    assert.ok(lint(topology.addressSpaces).looked < 100);
  });

  test('names all address spaces that show a finding', () => {
    const { topology, system, memory } = pc();
    topology.addressSpace('cpu', system);
    const smm = topology.container('smm', 1n << 64n);
    smm.addSubregion(0, topology.alias('all', system));
    smm.addSubregion(0x1000, topology.io('smi', 1, {}), { priority: 1 });
    topology.addressSpace('cpu-smm', smm);
    system.addSubregion(0xf000_0000, topology.ram('ragged', 0x1400, none));
    const { findings } = lint(topology.addressSpaces, { only: ['partial-page'] });
    assert.equal(findings.length, 1);
    assert.deepEqual(findings[0]?.addressSpaces, [memory.name, 'cpu', 'cpu-smm']);
  });

  test('the work grows as the topology does, whatever overlaps and however aliases branch', () => {
    const machines = {
      apart: (at: number) => [at * 8192, 4096],
      overlapping: (at: number) => [at, 2 ** 40],
      'in one page': (at: number) => [at * 2, 1],
    };
    for (const [what, place] of Object.entries(machines)) {
      const [small, large] = [50_000, 100_000].map((count) => {
        const topology = new MemoryTopology({ selfCheck: false });
        const system = topology.container('system', 1n << 64n);
        topology.addressSpace('memory', system);
        topology.transaction(() => {
          for (let at = 0; at < count; at++) {
            const [address = 0, size = 0] = place(at);
            system.addSubregion(address, topology.ram(`r${at}`, size, none));
          }
        });
        const told: number[] = [];
        const steps = lintSteps(topology.addressSpaces, {});
        let step = steps.next();
        for (; !step.done; step = steps.next()) told.push(step.value.done);
        const { looked } = step.value;
        assert.ok(told.length > 40 && told.every((now, i) => now > (told[i - 1] ?? 0)), what);
        topology.close();
        return looked;
      });
      assert.ok(large! < small! * 2.1, `${what}: ${small} steps, then ${large}`);
      assert.ok(large! < 100_000 * 30, `${what}: ${large}`);
    }
  });

  test('aliases that branch at each level are followed once', () => {
    const { topology, system } = pc();
    let below: MemoryRegion = topology.io('leaf', 1, {});
    for (let level = 0; level < 12; level++) {
      const container = topology.container(`level-${level}`, 1n << 40n);
      const step = 1n << BigInt(level + 1);
      for (const at of [0n, step]) {
        container.addSubregion(at, topology.alias('window', below, { size: step }));
      }
      below = container;
    }
    system.addSubregion(0, below);
    const { looked } = lint(topology.addressSpaces);
    const ranges = topology.addressSpaces[0]?.flatView.rangeCount ?? 0;
    assert.ok(looked < ranges * 6 + 1000, `${looked} steps for ${ranges} ranges`);
  });
});
