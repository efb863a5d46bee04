import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { explanationLines } from '../../lib/index.js';
import {
  type AssignedPciDevice,
  type BarVerdictCode,
  barVerdictCodes,
} from '../../lib/pci/index.js';
import type { SimulatedBar, SimulatedDeviceDescription } from '../../lib/simulated/index.js';
import {
  AssignedMachine,
  deviceWith,
  nic,
  openDevice,
  place,
  withoutMsixMappable,
} from './assigned-machine.js';

const base = 0xc000_0000n;
const P = 0x1000n;

interface Case {
  readonly machine: AssignedMachine;
  readonly assigned: AssignedPciDevice;
}

function assigned(
  bars: readonly SimulatedBar[],
  more: Partial<SimulatedDeviceDescription> = {},
): Case {
  const machine = new AssignedMachine([deviceWith(bars, more)]);
  return { machine, assigned: machine.assign() };
}

function bar(size: bigint, more: Partial<SimulatedBar> = {}): SimulatedBar {
  return { index: 0, kind: 'memory', size, ...more };
}

/** For each code a machine, and the offset from `base` at which it is the verdict. */
const cases: Readonly<Record<BarVerdictCode | 'mapped', () => Case & { readonly at: bigint }>> = {
  mapped: () => {
    const it = assigned([bar(4n * P)]);
    place(it.assigned, 0, base);
    return { ...it, at: P };
  },
  unaligned: () => {
    const it = assigned([bar(0x100n)]);
    place(it.assigned, 0, base + 0x100n);
    return { ...it, at: 0x104n };
  },
  cut: () => {
    const it = assigned([bar(4n * P)]);
    place(it.assigned, 0, base);
    it.assigned.bar(0)?.addWindow({ name: 'latch', offset: P + 8n, size: 4n, ops: {} });
    return { ...it, at: P };
  },
  window: () => {
    const it = cases.cut();
    return { ...it, at: P + 8n };
  },
  neighbour: () => {
    const it = assigned([bar(0x100n), bar(0x100n, { index: 1 })]);
    place(it.assigned, 0, base);
    place(it.assigned, 1, base + 0x800n);
    return { ...it, at: 0n };
  },
  'partly-mapped': () => {
    const it = assigned([bar(0x100n, { sparseAreas: [{ offset: 0n, size: 0x80n }] })]);
    place(it.assigned, 0, base);
    return { ...it, at: 0x40n };
  },
  'tail-not-owned': () => {
    const it = assigned([bar(0x100n, { sparseAreas: [{ offset: 0n, size: 0x100n }] })]);
    place(it.assigned, 0, base);
    return { ...it, at: 0n };
  },
  'not-mappable': () => {
    const shared = { hostAddress: 0x4000_0100n };
    const it = assigned([bar(0x100n, shared)]);
    place(it.assigned, 0, base);
    return { ...it, at: 0n };
  },
  'map-failed': () => {
    const machine = new AssignedMachine([deviceWith([bar(P)])]);
    machine.host.order({ ioctl: 'mmap', call: 1, errno: 'ENOMEM' });
    const it = { machine, assigned: machine.assign() };
    place(it.assigned, 0, base);
    return { ...it, at: 0n };
  },
  'msix-page': () => {
    const msix = { vectors: 4, tableBar: 0, tableOffset: P, pendingOffset: P + 0x800n } as const;
    const machine = new AssignedMachine([deviceWith([bar(4n * P)], { msix })]);
    const table = { bar: 0, first: P, last: P + 63n };
    const device = withoutMsixMappable(openDevice(machine.host), table);
    const it = { machine, assigned: machine.assign({ device }) };
    place(it.assigned, 0, base);
    return { ...it, at: P + 0x100n };
  },
  'behind-region': () => {
    const msix = { vectors: 4, tableBar: 0, tableOffset: 0x800n, pendingOffset: 0xc00n } as const;
    const machine = new AssignedMachine([deviceWith([bar(P)], { msix })]);
    const it = { machine, assigned: machine.assign({ msixRelocation: 0 }) };
    place(it.assigned, 0, base);
    return { ...it, at: P + 0x100n };
  },
  'mappings-off': () => {
    const it = cases.mapped();
    it.assigned.mappingsEnabled = false;
    return it;
  },
  crowded: () => {
    const names = Array.from({ length: 70 }, (_, i) => `0000:${(i + 1).toString(16)}:00.0`);
    const devices = names.map((name, group) => deviceWith([bar(0x10n)], { name, group }));
    const machine = new AssignedMachine([...devices, deviceWith([bar(P)], { group: 99 })]);
    const it = { machine, assigned: machine.assign() };
    place(it.assigned, 0, base);
    for (const [i, name] of names.entries()) {
      const small = machine.assign({ name });
      place(small, 0, base + 0x10n * BigInt(i));
    }
    return { ...it, at: 0xff0n };
  },
};

suite('the verdict of a device on its BARs', () => {
  for (const [code, make] of Object.entries(cases)) {
    test(`${code}: at its address, and together with those who map`, () => {
      const { machine, assigned: it, at } = make();
      machine.memory.addListener(it.verdicts);
      const explanation = machine.memory.explain(base + at);
      const verdict = explanation.verdicts.find(({ listener }) => listener === nic);
      assert.equal(verdict?.code, code, verdict?.text);
      assert.equal(verdict.mapped, code === 'mapped');
      assert.ok(verdict.first <= base + at && verdict.last >= base + at);
      assert.ok(explanationLines(explanation).some((line) => line.startsWith(`${nic}: `)));
    });
  }

  test('there is a case for every code', () => {
    assert.deepEqual(Object.keys(cases).sort(), ['mapped', ...Object.keys(barVerdictCodes)].sort());
  });

  test('none where something else answers, or nothing', () => {
    const { machine, assigned: it } = cases.mapped();
    machine.system.addSubregion(base, machine.topology.ram('ram', P));
    assert.equal(it.verdicts.verdictAt(base, machine.memory), undefined);
    assert.equal(it.verdicts.verdictAt(0n, machine.memory), undefined);
  });
});
