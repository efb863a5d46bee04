import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { configWindow, knownQuirks } from '../../lib/pci/index.js';
import type { SimulatedDeviceDescription } from '../../lib/simulated/index.js';
import { rtl8168 } from '../vfio/rtl8168.js';
import { AssignedMachine, codeOf, deviceWith, nic, place } from './assigned-machine.js';

const base = 0xe000_0000n;
const display = 0x03_0000;

function nvidia(more: Partial<SimulatedDeviceDescription> = {}): SimulatedDeviceDescription {
  return deviceWith([{ index: 0, kind: 'memory', size: 0x100_0000n }], {
    vendorId: 0x10de,
    deviceId: 0x2204,
    classCode: display,
    isExpress: true,
    ...more,
  });
}

suite('a mirror of the configuration space', () => {
  test('shows what the guest finds at its bus, and not what the device has', () => {
    const machine = new AssignedMachine([nvidia()]);
    const assigned = machine.assign();
    place(assigned, 0, base);
    for (const mirror of [0x8_8000n, 0x1800n]) {
      assert.equal(machine.memory.read(base + mirror, 4).value, 0x2204_10den);
      assert.equal(machine.memory.read(base + mirror + 0x10n, 4).value, base);
      assert.equal(machine.memory.read(base + mirror + 4n, 2).value, 3n);
    }
  });

  test('takes writes as the bus does, with all that follows', () => {
    const machine = new AssignedMachine([nvidia()]);
    const assigned = machine.assign();
    place(assigned, 0, base);
    machine.memory.write(base + 0x8_8010n, 4, base + 0x1000_0000n);
    assert.equal(machine.at(base), undefined);
    assert.equal(assigned.function.readConfig(0x10, 4), Number(base + 0x1000_0000n));
    machine.memory.write(base + 0x1000_0000n + 0x1804n, 2, 0n);
    assert.equal(machine.at(base + 0x1000_0000n), undefined);
  });

  for (const pageSize of [0x1000n, 0x4000n, 0x1_0000n]) {
    test(`cuts its own pages and no others, pages of ${pageSize / 1024n} KiB`, () => {
      const machine = new AssignedMachine([nvidia()], { pageSize });
      place(machine.assign(), 0, base);
      const isSlow = (offset: bigint): boolean => machine.kvm.read(base + offset).kind === 'exit';
      for (const mirror of [0x8_8000n, 0x1800n]) {
        const page = mirror - (mirror % pageSize);
        assert.equal(isSlow(page), true);
        assert.equal(isSlow(page + pageSize - 1n), true);
        assert.equal(isSlow(page + pageSize), false);
      }
    });
  }

  test('is for display controllers of the vendor only, and BARs that hold it', () => {
    const others = [
      nvidia({ classCode: 0x04_0300 }),
      nvidia({ vendorId: 0x8086 }),
      nvidia({ bars: [{ index: 0, kind: 'memory', size: 0x1000n }] }),
      nvidia({ bars: [{ index: 1, kind: 'memory', size: 0x100_0000n }] }),
    ];
    for (const description of others) {
      const { bars } = new AssignedMachine([description]).assign();
      assert.deepEqual(
        bars.flatMap(({ windows }) => windows),
        [],
      );
    }
  });
});

function machineWithWindow() {
  const match = { vendorId: 0x1002, baseClass: 3 };
  const window = {
    bar: 4,
    addressOffset: 0n,
    dataOffset: 4n,
    start: 0x4000,
    size: 0x100,
  } as const;
  const ati = deviceWith([{ index: 4, kind: 'io', size: 0x100n }], {
    vendorId: 0x1002,
    deviceId: 0x6798,
    classCode: display,
  });
  const machine = new AssignedMachine([ati]);
  const quirks = [configWindow({ name: 'window', match, ...window })];
  const assigned = machine.assign({ quirks });
  place(assigned, 4, 0xc000n);
  const { bar } = assigned;
  return { machine, assigned, bar, bytes: machine.host.device(assigned.name).bytesOf(4) };
}

suite('a window into the configuration space', () => {
  test('shows the configuration space where it is, and the device everywhere else', () => {
    const { machine, bytes } = machineWithWindow();
    const { io } = machine;
    bytes.store(4n, 4, 0x5555_5555n);
    io.write(0xc000n, 4, 0x4000n);
    assert.equal(io.read(0xc004n, 4).value, 0x6798_1002n);
    assert.equal(io.read(0xc006n, 2).value, 0x6798n);
    io.write(0xc000n, 4, 0x4100n);
    assert.equal(io.read(0xc004n, 4).value, 0x5555_5555n);
    io.write(0xc004n, 4, 0x1234n);
    assert.equal(bytes.load(4n, 4), 0x1234n);
  });

  test('puts together an address that comes in pieces', () => {
    const { machine } = machineWithWindow();
    machine.io.write(0xc001n, 1, 0x40n);
    machine.io.write(0xc000n, 1, 0x3cn);
    machine.io.write(0xc004n, 1, 0x0bn);
    machine.io.write(0xc000n, 1, 0x3cn);
    assert.equal(machine.io.read(0xc004n, 1).value, 0x0bn);
    assert.equal(machine.bus.readConfig(8, 0x3c, 1), 0x0b);
  });
});

suite('a window into the configuration space: restored', () => {
  test('shows in another machine what it showed', () => {
    const first = machineWithWindow();
    first.machine.io.write(0xc000n, 4, 0x4000n);
    const copy = machineWithWindow();
    copy.assigned.restore(structuredClone(first.assigned.save()));
    copy.machine.bus.restore(structuredClone(first.machine.bus.save()));
    assert.equal(copy.machine.io.read(0xc004n, 4).value, 0x6798_1002n);
  });
});

suite('what a quirk remembers', () => {
  const window = { data: base + 0x70n, address: base + 0x74n };

  function withRtl8168() {
    const machine = new AssignedMachine([rtl8168(nic, 5)]);
    const assigned = machine.assign();
    return { machine, assigned, memory: machine.memory };
  }

  /** Another machine with such a device, restored to what `from` is. */
  function restored(from: ReturnType<typeof withRtl8168>) {
    const copy = withRtl8168();
    // As it comes from another process.
    const state = structuredClone({ bus: from.machine.bus.save(), device: from.assigned.save() });
    copy.assigned.restore(state.device);
    copy.machine.bus.restore(state.bus);
    return copy;
  }

  test('goes with a snapshot: what was asked for is there in the other machine', () => {
    const first = withRtl8168();
    place(first.assigned, 2, base);
    first.assigned.msix?.writeTable(4, 0x1234_5678n, 4);
    first.memory.write(window.address, 4, 0x1_f004n);
    const { memory } = restored(first);
    assert.equal(memory.read(window.address, 4).value, 0x8001_f004n);
    assert.equal(memory.read(window.data, 4).value, 0x1234_5678n);
  });

  test('goes with a snapshot: what was begun is ended in the other machine', () => {
    const first = withRtl8168();
    place(first.assigned, 2, base);
    first.memory.write(window.data, 4, 0xfee0_0000n);
    const { memory, assigned } = restored(first);
    memory.write(window.address, 4, 0x8001_f000n);
    assert.equal(assigned.msix?.readTable(0, 4), 0xfee0_0000n);
  });

  test('a snapshot is of its moment', () => {
    const { assigned, memory } = withRtl8168();
    place(assigned, 2, base);
    memory.write(window.address, 4, 0x1_f000n);
    const before = assigned.save();
    memory.write(window.address, 4, 0n);
    assert.notDeepEqual(assigned.save(), before);
    assigned.restore(before);
    assert.deepEqual(assigned.save(), before);
    assert.equal(memory.read(window.address, 4).value, 0x8001_f000n);
  });

  test('a reset of the device ends it', () => {
    const { assigned, memory, machine } = withRtl8168();
    const { quirks } = assigned.save();
    place(assigned, 2, base);
    memory.write(window.data, 4, 7n);
    memory.write(window.address, 4, 0x8001_f000n);
    machine.bus.reset();
    assert.deepEqual(assigned.save().quirks, quirks);
  });

  test('the state of other quirks is refused, and nothing changes', () => {
    const { assigned, memory } = withRtl8168();
    place(assigned, 2, base);
    memory.write(window.address, 4, 0x1_f000n);
    const state = assigned.save();
    const [own] = state.quirks;
    for (const quirks of [
      [],
      [own!, own!],
      [{ quirk: 'another', latches: own!.latches }],
      [{ quirk: own!.quirk, latches: { address: 1 } }],
    ]) {
      assert.equal(
        codeOf(() => assigned.restore({ msix: state.msix, quirks })),
        'ERR_INVALID_ARGUMENT',
      );
      assert.deepEqual(assigned.save(), state);
    }
  });
});

suite('docs/quirks.md', () => {
  test('names all quirks that there are', () => {
    const file = path.resolve(import.meta.dirname, '../../../docs/quirks.md');
    const text = readFileSync(file, 'utf8');
    for (const { name } of knownQuirks) assert.ok(text.includes(`\`${name}\``), name);
  });
});
