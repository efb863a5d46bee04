// Nothing leads past a window: who answers a byte doesn't depend on the access that it is a part of.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { MemoryRegionOps } from '../../lib/index.js';
import type { SlowPathKind } from '../../lib/pci/index.js';
import { runs } from '../oracle/runs.js';
import { AssignedMachine, deviceWith, nic, place } from './assigned-machine.js';

const base = 0xe000_0000n;
const size = 0x40;

/** Bytes that the device never has. */
const ofWindow = (window: number, offset: number): number => 0x80 + 0x20 * window + (offset & 0x1f);

interface Window {
  readonly offset: number;
  readonly size: number;
  readonly widest: 1 | 2 | 4 | 8;
}

/** A window that answers each byte by its own, and takes nothing that isn't in it. */
function opsOf(window: Window, number: number, written: Map<number, number>): MemoryRegionOps {
  const each = (offset: bigint, width: number, tell: (at: number, shift: bigint) => void): void => {
    for (let i = 0; i < width; i++) {
      const at = Number(offset) + i;
      assert.ok(at < window.size, `${at} is behind a window of ${window.size}`);
      tell(at, BigInt(8 * i));
    }
  };
  return {
    read: (offset, width) => {
      let value = 0n;
      each(offset, width, (at, shift) => {
        value |= BigInt(ofWindow(number, at)) << shift;
      });
      return value;
    },
    write: (offset, value, width) =>
      each(offset, width, (at, shift) =>
        written.set(window.offset + at, Number((value >> shift) & 0xffn)),
      ),
    valid: { minSize: 1, maxSize: window.widest },
    implementation: { minSize: 1, maxSize: window.widest },
  };
}

const someWindow: fc.Arbitrary<Window> = fc
  .record({
    offset: fc.nat(size - 1),
    length: fc.integer({ min: 1, max: 20 }),
    widest: fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const),
  })
  .map(({ offset, length, widest }) => ({
    offset,
    size: Math.min(length, size - offset),
    widest,
  }));

interface Access {
  readonly at: number;
  readonly width: 1 | 2 | 4 | 8;
  readonly isWrite: boolean;
}

const someAccess: fc.Arbitrary<Access> = fc.record({
  at: fc.nat(size - 8),
  width: fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const),
  isWrite: fc.boolean(),
});

function machineWith(windows: readonly Window[], slowPath: SlowPathKind) {
  const machine = new AssignedMachine([
    deviceWith([{ index: 0, kind: 'memory', size: BigInt(size) }]),
  ]);
  const assigned = machine.assign({ slowPath: { 0: slowPath } });
  place(assigned, 0, base);
  const written = new Map<number, number>();
  for (const [number, window] of windows.entries()) {
    assigned.bar(0)?.addWindow({
      name: `window ${number}`,
      offset: BigInt(window.offset),
      size: BigInt(window.size),
      ops: opsOf(window, number, written),
    });
  }
  const device = machine.host.device(nic);
  for (let i = 0; i < size; i++) device.bytesOf(0).store(BigInt(i), 1, BigInt(i));
  /** The window that is on top at a byte. */
  const ownerOf = (byte: number): number | undefined => {
    const number = windows.findLastIndex((it) => byte >= it.offset && byte < it.offset + it.size);
    return number < 0 ? undefined : number;
  };
  return { machine, device, written, windows, ownerOf };
}

type Setup = ReturnType<typeof machineWith>;

function checkRead({ machine, device, windows, ownerOf }: Setup, { at, width }: Access): void {
  const { value } = machine.memory.read(base + BigInt(at), width);
  for (let i = 0; i < width; i++) {
    const byte = at + i;
    const number = ownerOf(byte);
    const expected =
      number === undefined
        ? Number(device.bytesOf(0).load(BigInt(byte), 1))
        : ofWindow(number, byte - windows[number]!.offset);
    assert.equal(Number((value >> BigInt(8 * i)) & 0xffn), expected, `byte ${byte}`);
  }
}

function checkWrite({ machine, device, written, ownerOf }: Setup, { at, width }: Access): void {
  written.clear();
  const before = new Uint8Array(size);
  device.bytesOf(0).copyOut(0n, before);
  machine.memory.write(base + BigInt(at), width, (1n << BigInt(8 * width)) - 1n);
  for (let byte = 0; byte < size; byte++) {
    const isWritten = byte >= at && byte < at + width;
    const isOfWindow = ownerOf(byte) !== undefined;
    assert.equal(written.get(byte), isWritten && isOfWindow ? 0xff : undefined, `byte ${byte}`);
    const expected = isWritten && !isOfWindow ? 0xff : before[byte];
    assert.equal(Number(device.bytesOf(0).load(BigInt(byte), 1)), expected, `byte ${byte}`);
  }
}

function check(setup: Setup, access: Access): void {
  const { accesses } = setup.device;
  accesses.length = 0;
  if (access.isWrite) checkWrite(setup, access);
  else checkRead(setup, access);
  for (const { offset, width } of accesses) {
    for (let i = 0; i < width; i++) assert.equal(setup.ownerOf(Number(offset) + i), undefined);
  }
}

suite('an access over the edge of a window', () => {
  test('one of eight bytes that begins below a window gets the bytes of both', () => {
    const { machine, device } = machineWith([{ offset: 0x24, size: 4, widest: 4 }], 'pread');
    assert.equal(machine.memory.read(base + 0x20n, 8).value, 0x8382_8180_2322_2120n);
    assert.deepEqual(
      device.accesses.map(({ offset, width }) => [offset, width]),
      [[0x20n, 4]],
    );
  });

  for (const kind of ['pread', 'mapping'] as const) {
    test(`each byte is answered by who is on top there, by ${kind}`, (t) => {
      const property = fc.property(
        fc.array(someWindow, { maxLength: 4 }),
        fc.array(someAccess, { minLength: 1, maxLength: 12 }),
        (windows, accesses) => {
          const setup = machineWith(windows, kind);
          for (const access of accesses) check(setup, access);
          setup.machine.topology.close();
        },
      );
      fc.assert(property, runs<[Window[], Access[]]>(t, 60, 0.01));
    });
  }
});
