// docs/rtl8168.md, kept true: the page that a quirk of eight bytes cuts, before and after it shows the slow path as a whole.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import type { AccessWidth } from '../../lib/index.js';
import {
  type AssignedPciDevice,
  knownQuirks,
  type SlowPathKind,
  unplacedPlan,
} from '../../lib/pci/index.js';
import type { SimulatedDeviceAccess } from '../../lib/simulated/index.js';
import { rtl8168 } from '../vfio/rtl8168.js';
import { AssignedMachine, nic, place } from './assigned-machine.js';

const document = path.resolve(import.meta.dirname, '../../../docs/rtl8168.md');
const base = 0xfebf_0000n;
const size = 0x1000n;
const widths: readonly AccessWidth[] = [1, 2, 4, 8];

/** The eight bytes of the way to the MSI-X table. */
const window = { first: 0x70n, last: 0x77n };

interface Assigned {
  readonly machine: AssignedMachine;
  readonly assigned: AssignedPciDevice;
}

/** An RTL8168 whose BAR 2 the guest has in place. */
function assign(slowPath: SlowPathKind = 'pread', quirks = knownQuirks): Assigned {
  const machine = new AssignedMachine([rtl8168(nic, 5)]);
  const assigned = machine.assign({ slowPath, quirks });
  machine.memory.addListener(assigned.verdicts);
  place(assigned, 2, base);
  return { machine, assigned };
}

/** The same without slow pages, as QEMU has it. */
function assignWithoutSlowPages(): Assigned {
  const it = assign();
  it.assigned.bar(2)?.applyPlan(unplacedPlan(size));
  return it;
}

function treeOf({ machine }: Assigned): string[] {
  const lines = machine.treeLines();
  return lines.slice(3, lines.indexOf('')).map((line) => line.slice(6));
}

function slotVerdicts({ machine }: Assigned): string[] {
  return Array.from(machine.slots.verdicts(machine.memory), ({ code, text }) => `${code}: ${text}`);
}

function deviceVerdicts({ machine, assigned }: Assigned): string[] {
  return Array.from(machine.memory.flatView.ranges(), ({ address }) => {
    const verdict = assigned.verdicts.verdictAt(address, machine.memory);
    return `${address.toString(16)}: ${verdict?.code}: ${verdict?.text}`;
  });
}

/** What a driver does to write the first word of the table by the window, and to read it. */
function driverSession({ machine }: Assigned): string[] {
  const lines: string[] = [];
  const write = (offset: bigint, value: bigint): void => {
    machine.memory.write(base + offset, 4, value);
    lines.push(`write ${offset.toString(16)} ${value.toString(16)}`);
  };
  const read = (offset: bigint): void => {
    lines.push(
      `read ${offset.toString(16)} = ${machine.memory.read(base + offset, 4).value.toString(16)}`,
    );
  };
  write(0x70n, 0xfee0_0000n);
  write(0x74n, 0x8001_f000n);
  read(0x74n);
  write(0x74n, 0x1_f000n);
  read(0x74n);
  read(0x70n);
  return lines;
}

/** The blocks of the document, by the names in the comments before them. */
function blocks(): Map<string, string[]> {
  const text = readFileSync(document, 'utf8');
  const found = text.matchAll(/^<!-- ([\w ]+) -->\n```text\n([\s\S]*?)^```$/gm);
  return new Map([...found].map(([, name = '', body = '']) => [name, body.trimEnd().split('\n')]));
}

/** How many accesses of each width there were: reads and writes by the guest, and by the device's file. */
function countWidths(accesses: readonly SimulatedDeviceAccess[], kind: 'read' | 'write'): number[] {
  return widths.map(
    (width) => accesses.filter((it) => it.kind === kind && it.width === width).length,
  );
}

/** Writes and reads every byte of the page in every width, and checks that it is the device that has it. */
function touchEveryByte({ machine }: Assigned): readonly SimulatedDeviceAccess[] {
  const device = machine.host.device(nic);
  device.accesses.length = 0;
  const bytes = device.bytesOf(2);
  for (const width of widths) {
    for (let offset = 0n; offset < size; offset += BigInt(width)) {
      // The highest bit of the address register would start a transfer, and kind 1 is the MSI-X table.
      const value =
        BigInt.asUintN(8 * width, 0x0807_0605_0403_0201n + offset) & 0x7f7f_7f7f_7f7f_7f7fn;
      assert.equal(machine.memory.write(base + offset, width, value), 0);
      assert.equal(bytes.load(offset, width), value, `write of ${width} at ${offset.toString(16)}`);
      bytes.store(offset, width, value ^ 1n);
      const { result, value: read } = machine.memory.read(base + offset, width);
      assert.equal(result, 0);
      assert.equal(read, value ^ 1n, `read of ${width} at ${offset.toString(16)}`);
    }
  }
  return device.accesses;
}

function isInWindow({ offset }: SimulatedDeviceAccess): boolean {
  return offset >= window.first && offset <= window.last;
}

suite('docs/rtl8168.md', () => {
  const parts: readonly [string, () => string[]][] = [
    ['tree before', () => treeOf(assignWithoutSlowPages())],
    ['flat before', () => assignWithoutSlowPages().machine.flatLines()],
    ['slots before', () => slotVerdicts(assignWithoutSlowPages())],
    ['tree after', () => treeOf(assign())],
    ['flat after', () => assign().machine.flatLines()],
    ['slots after', () => slotVerdicts(assign())],
    ['device after', () => deviceVerdicts(assign())],
    ['flat without quirk', () => assign('pread', []).machine.flatLines()],
    ['driver', () => driverSession(assign())],
  ];
  for (const [name, produce] of parts) {
    test(`${name}: as it is printed`, () => {
      assert.deepEqual(blocks().get(name), produce());
    });
  }
});

suite('every byte of the page of an RTL8168, in every width', () => {
  const counts = [4096, 2048, 1024, 512];

  test('before: the pieces of memory by their mapping, the window by the file', () => {
    const accesses = touchEveryByte(assignWithoutSlowPages());
    assert.ok(accesses.every(isInWindow));
    assert.deepEqual(countWidths(accesses, 'read'), [8, 4, 2 + 2, 0]);
  });

  test('after: all by the file, each access as it was made', () => {
    const accesses = touchEveryByte(assign());
    // The window takes four bytes at a time: its one access of eight is two.
    const [ones, twos, fours = 0, eights = 0] = counts;
    assert.deepEqual(countWidths(accesses, 'read'), [ones, twos, fours + 2, eights - 1]);
    assert.deepEqual(countWidths(accesses, 'write'), [ones, twos, fours + 2, eights - 1]);
  });

  test('after, with the mapping as the slow path: all but the window without a system call', () => {
    const it = assign('mapping');
    assert.deepEqual(touchEveryByte(it), []);
    assert.equal(it.machine.kvm.read(base).kind, 'exit');
  });

  test('without the quirk: by the mapping, and a guest needs nobody', () => {
    const it = assign('pread', []);
    assert.deepEqual(touchEveryByte(it), []);
    for (let offset = 0n; offset < size; offset++) {
      assert.equal(it.machine.kvm.read(base + offset).kind, 'memory');
    }
  });
});

suite('the window of an RTL8168', () => {
  test('leads to the emulated table, and never to that of the host', () => {
    const it = assign();
    const { accesses } = it.machine.host.device(nic);
    accesses.length = 0;
    driverSession(it);
    assert.equal(it.assigned.msix?.readTable(0, 4), 0xfee0_0000n);
    const others = accesses.filter(({ kind, offset }) => kind === 'write' && offset === 0x74n);
    assert.deepEqual(others, []);
  });

  test('leads to the device at any other address', () => {
    const { machine } = assign();
    machine.memory.write(base + 0x74n, 4, 0x0000_1234n);
    assert.equal(machine.host.device(nic).bytesOf(2).load(0x74n, 4), 0x1234n);
    machine.host.device(nic).bytesOf(2).store(0x70n, 4, 0x77n);
    assert.equal(machine.memory.read(base + 0x70n, 4).value, 0x77n);
  });
});
