import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type AssignedPciDevice, capabilityId, findCapability } from '../../lib/pci/index.js';
import type { SimulatedBar, SimulatedMsix } from '../../lib/simulated/index.js';
import {
  AssignedMachine,
  codeOf,
  deviceWith,
  openDevice,
  place,
  withoutMsixMappable,
} from './assigned-machine.js';

const base = 0xc000_0000n;

function memoryBar(index: SimulatedBar['index'], size: bigint, more = {}): SimulatedBar {
  return { index, kind: 'memory', size, ...more };
}

function machineWith(pageSize: bigint, msix: SimulatedMsix, ...bars: SimulatedBar[]) {
  return new AssignedMachine([deviceWith(bars, { msix })], { pageSize });
}

/** What the guest reads of the MSI-X capability: BAR and offset of the table, and of the pending bits. */
function told({ function: pci }: AssignedPciDevice): [number, number][] {
  const at = findCapability(pci.config, capabilityId.msix) ?? 0;
  return [4, 8].map((register) => {
    const value = pci.readConfig(at + register, 4);
    return [value & 7, value & ~7];
  });
}

/** The areas that are mapped of a BAR. */
function areas(assigned: AssignedPciDevice, index: SimulatedBar['index']): [bigint, bigint][] {
  return (assigned.bar(index)?.pages?.areas ?? []).map(({ offset, size }) => [offset, size]);
}

for (const P of [0x1000n, 0x4000n, 0x1_0000n]) {
  suite(`the pages of an MSI-X table, pages of ${P / 1024n} KiB`, () => {
    /** A device on a kernel that keeps the pages of a table. */
    function holed(table: SimulatedMsix, size: bigint): AssignedPciDevice {
      const machine = machineWith(P, table, memoryBar(0, size));
      const first = table.tableOffset;
      const last = first + 16n * BigInt(table.vectors) - 1n;
      const device = withoutMsixMappable(openDevice(machine.host), { bar: 0, first, last });
      return machine.assign({ device });
    }

    test('are left out, at the beginning, in the middle, at the end, or all', () => {
      const table = (tableOffset: bigint, vectors = 4): SimulatedMsix => ({
        vectors,
        tableBar: 0,
        tableOffset,
        pendingOffset: tableOffset + 16n * BigInt(vectors),
      });
      assert.deepEqual(areas(holed(table(0n), 4n * P), 0), [[P, 3n * P]]);
      assert.deepEqual(areas(holed(table(P), 4n * P), 0), [
        [0n, P],
        [2n * P, 2n * P],
      ]);
      assert.deepEqual(areas(holed(table(3n * P), 4n * P), 0), [[0n, 3n * P]]);
      assert.deepEqual(areas(holed(table(0n), P), 0), []);
    });

    test('trap: the hole is rounded by its end, so that a table across the edge of two pages takes both', () => {
      const msix = { vectors: 2, tableBar: 0, tableOffset: P - 16n, pendingOffset: 0n } as const;
      assert.deepEqual(areas(holed(msix, 4n * P), 0), [[2n * P, 2n * P]]);
    });

    test('trap: a hole larger than the BAR leaves nothing, and no size below zero', () => {
      const msix = { vectors: 2, tableBar: 0, tableOffset: 0n, pendingOffset: 0x80n } as const;
      const assigned = holed(msix, 0x100n);
      assert.equal(assigned.bar(0)?.pages, undefined);
      assert.deepEqual(assigned.bar(0)?.unmapped, []);
    });

    test('are mapped where the kernel says so, and slow as long as the emulated table is there', () => {
      const msix = { vectors: 2, tableBar: 0, tableOffset: P, pendingOffset: P + 0x800n } as const;
      const machine = machineWith(P, msix, memoryBar(0, 4n * P));
      const assigned = machine.assign();
      place(assigned, 0, base);
      assert.deepEqual(areas(assigned, 0), [[0n, 4n * P]]);
      assert.deepEqual(machine.slotLines(), [
        `${base.toString(16)}+${P.toString(16)}`,
        `${(base + 2n * P).toString(16)}+${(2n * P).toString(16)}`,
      ]);
      machine.memory.write(base + P + 8n, 4, 0x41n);
      assert.equal(assigned.msix?.readTable(8, 4), 0x41n);
      assert.equal(
        machine.host
          .device(assigned.name)
          .bytesOf(0)
          .load(P + 8n, 4),
        0n,
      );
    });

    test('registers that share them are mapped when the table is moved', () => {
      const msix = { vectors: 2, tableBar: 0, tableOffset: 0x800n, pendingOffset: 0xc00n } as const;
      const machine = machineWith(P, msix, memoryBar(0, P));
      const assigned = machine.assign({ msixRelocation: 0 });
      place(assigned, 0, base);
      assert.deepEqual(told(assigned), [
        [0, Number(P)],
        [0, Number(P) + 0x20],
      ]);
      assert.deepEqual(machine.slotLines(), [`${base.toString(16)}+${P.toString(16)}`]);
      machine.memory.write(base + P + 8n, 4, 0x41n);
      assert.equal(assigned.msix?.readTable(8, 4), 0x41n);
      assert.equal(machine.memory.read(base + P + 0x100n, 4).value, 0xffff_ffffn);
    });
  });
}

suite('moving an MSI-X table', () => {
  const P = 0x1_0000n;
  const shared: SimulatedMsix = {
    vectors: 4,
    tableBar: 0,
    tableOffset: 0x2000n,
    pendingOffset: 0x3000n,
  };

  test('into a BAR that the device has not: of 64 bits where the next one is free', () => {
    const machine = machineWith(P, shared, memoryBar(0, P));
    const assigned = machine.assign({ msixRelocation: 2 });
    assert.deepEqual(told(assigned)[0], [2, 0]);
    assert.deepEqual(assigned.bar(2)?.layout, {
      index: 2,
      kind: 'memory',
      size: P,
      is64Bit: true,
      isPrefetchable: true,
    });
    place(assigned, 2, base);
    assert.equal(machine.memory.read(base + 12n, 4).value, 1n);
    assert.equal(machine.memory.read(base + 0x1000n, 8).value, (1n << 64n) - 1n);
    assert.equal(assigned.bar(2)?.slowPath.failures, 0);
  });

  test('auto: where it shares a page with registers, to the place that adds least', () => {
    const machine = machineWith(P, shared, memoryBar(0, 16n * P), memoryBar(1, P));
    assert.deepEqual(told(machine.assign({ msixRelocation: 'auto' }))[0], [1, Number(P)]);
    const alone: SimulatedMsix = { ...shared, tableBar: 1, tableOffset: 0n, pendingOffset: 0x800n };
    const kept = machineWith(0x1000n, alone, memoryBar(0, P), memoryBar(1, 0x1000n));
    assert.deepEqual(told(kept.assign({ msixRelocation: 'auto' })), [
      [1, 0],
      [1, 0x800],
    ]);
  });

  test('auto: not where the kernel never maps the pages of the table', () => {
    const machine = machineWith(P, shared, memoryBar(0, P));
    const table = { bar: 0, first: 0x2000n, last: 0x203fn };
    const device = withoutMsixMappable(openDevice(machine.host), table);
    assert.deepEqual(told(machine.assign({ device, msixRelocation: 'auto' }))[0], [0, 0x2000]);
  });

  test('a small BAR that is doubled shows its whole page of the host', () => {
    const msix: SimulatedMsix = { ...shared, tableOffset: 0x80n, pendingOffset: 0xc0n };
    const machine = machineWith(P, msix, memoryBar(0, 0x100n));
    const assigned = machine.assign({ msixRelocation: 0 });
    place(assigned, 0, base);
    assert.deepEqual(areas(assigned, 0), [[0n, P]]);
    assert.deepEqual(machine.slotLines(), [`${base.toString(16)}+${P.toString(16)}`]);
    assert.equal(assigned.bar(0)?.region.priority, 1);
  });

  test('is refused into ports, the upper half of an address, and more than 1 GiB with 32 bits', () => {
    const bars = [
      memoryBar(0, P),
      { index: 1, kind: 'io', size: 0x100n } as const,
      memoryBar(2, P, { is64Bit: true }),
      memoryBar(4, 1n << 30n),
    ];
    for (const msixRelocation of [1, 3, 4] as const) {
      const machine = machineWith(P, shared, ...bars);
      const code = codeOf(() => machine.assign({ msixRelocation }));
      assert.equal(code, 'ERR_INVALID_ARGUMENT', `BAR ${msixRelocation}`);
      assert.equal(machine.host.barMaps.length, 0);
    }
  });
});

suite('what a device says of its MSI-X', () => {
  test('a table that leads out of its BAR, or lies in none, is refused', () => {
    for (const [tableBar, tableOffset] of [
      [0, 0xff8n],
      [0, 0x1_0000n],
      [3, 0n],
    ] as const) {
      const msix = { vectors: 4, tableBar, tableOffset, pendingBar: 0, pendingOffset: 0n } as const;
      const machine = machineWith(0x1000n, msix, memoryBar(0, 0x1000n));
      assert.equal(
        codeOf(() => machine.assign()),
        'ERR_DEVICE_DESCRIPTION',
      );
    }
  });

  test('pending bits over the table are refused', () => {
    const msix = { vectors: 4, tableBar: 0, tableOffset: 0n, pendingOffset: 0x38n } as const;
    const machine = machineWith(0x1000n, msix, memoryBar(0, 0x1000n));
    assert.equal(
      codeOf(() => machine.assign()),
      'ERR_DEVICE_DESCRIPTION',
    );
  });

  test('pending bits that are known to be elsewhere are found there', () => {
    const msix: SimulatedMsix = {
      vectors: 4,
      tableBar: 0,
      tableOffset: 0n,
      pendingOffset: 0x8_0000n,
    };
    const chelsio = { vendorId: 0x1425, deviceId: 0x5801, msix };
    const bars = [memoryBar(0, 0x4000n)];
    const machine = new AssignedMachine([deviceWith(bars, chelsio)]);
    assert.deepEqual(told(machine.assign()), [
      [0, 0],
      [0, 0x1000],
    ]);
    const other = new AssignedMachine([deviceWith(bars, { ...chelsio, vendorId: 0x1234 })]);
    assert.equal(
      codeOf(() => other.assign()),
      'ERR_DEVICE_DESCRIPTION',
    );
  });
});
