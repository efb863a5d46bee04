// Every combination of what a device takes, what its callbacks implement, its byte order, the size, offset and byte
// order of an access: the list of calls, the value and the result, against a model.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type Endianness,
  type ImplementedAccesses,
  type MemoryRegionOps,
  MemoryTopology,
  MemTxResult,
} from '../../lib/index.js';
import { callLine, deviceBytes, modelAccess, toBytes, toValue } from './access-model.js';

const sizes = [undefined, 1, 2, 4, 8] as const;
const endiannesses: readonly Endianness[] = ['little', 'big'];
const written = [0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8];

interface Sizes {
  minSize?: number;
  maxSize?: number;
  unaligned?: boolean;
}

/** All combinations of sizes in which the smallest isn't larger than the largest. */
function sizeRules(unaligned: boolean): Sizes[] {
  return sizes.flatMap((minSize) =>
    sizes
      .filter((maxSize) => minSize === undefined || maxSize === undefined || minSize <= maxSize)
      .map((maxSize) => ({
        ...(minSize === undefined ? {} : { minSize }),
        ...(maxSize === undefined ? {} : { maxSize }),
        unaligned,
      })),
  );
}

/** Refuses some accesses for no reason that the other rules could have. */
function accepts(offset: bigint, size: number, isWrite: boolean): boolean {
  return (offset + BigInt(size) + (isWrite ? 1n : 0n)) % 3n !== 0n;
}

/** A machine with one device, whose calls are written down. */
class OneDevice {
  readonly #calls: string[] = [];
  readonly #topology = new MemoryTopology();
  readonly #system = this.#topology.container('system', 1n << 64n);
  readonly memory = this.#topology.addressSpace('memory', this.#system);

  constructor(rules: MemoryRegionOps) {
    const device = this.#topology.io('device', 0x100, {
      ...rules,
      read: (offset, size) => {
        this.#calls.push(callLine('read', Number(offset), size));
        return toValue(deviceBytes(Number(offset), size), 'little');
      },
      write: (offset, value, size) => {
        assert.equal(value, BigInt.asUintN(size * 8, value), 'as wide as the call');
        this.#calls.push(callLine('write', Number(offset), size, toBytes(value, size)));
      },
    });
    this.#system.addSubregion(0x1000, device);
  }

  /** What was called since the last time. */
  takeCalls(): string {
    return this.#calls.splice(0).join('; ');
  }

  close(): void {
    this.#topology.close();
  }
}

/** All that is to be compared, in one line. */
function outcome(access: string, calls: string, value: bigint, result: number): string {
  return `${access}: ${calls} = ${value} (${result})`;
}

function compareReads(
  device: OneDevice,
  rules: MemoryRegionOps,
  offset: number,
  size: number,
): void {
  const expected = modelAccess(rules, 'read', offset, written.slice(0, size));
  const calls = expected.calls.join('; ');
  const result = expected.isRejected ? MemTxResult.decodeError : MemTxResult.ok;
  for (const order of endiannesses) {
    const actual = device.memory.read(0x1000 + offset, size, {}, order);
    const access = `${size} at ${offset}, ${order}`;
    assert.equal(
      outcome(access, device.takeCalls(), actual.value, actual.result),
      outcome(access, calls, toValue(expected.bytes, order), result),
    );
  }
}

function compareWrites(
  device: OneDevice,
  rules: MemoryRegionOps,
  offset: number,
  size: number,
): void {
  const bytes = written.slice(0, size);
  const expected = modelAccess(rules, 'write', offset, bytes);
  const calls = expected.calls.join('; ');
  const result = expected.isRejected ? MemTxResult.decodeError : MemTxResult.ok;
  for (const order of endiannesses) {
    const value = toValue(bytes, order);
    const actual = device.memory.write(0x1000 + offset, size, value, {}, order);
    const access = `${size} at ${offset}, ${order}`;
    assert.equal(
      outcome(access, device.takeCalls(), value, actual),
      outcome(access, calls, value, result),
    );
  }
}

/** Compares all accesses to one device; returns how many. */
function compare(rules: MemoryRegionOps): number {
  const device = new OneDevice(rules);
  let accesses = 0;
  for (let offset = 0; offset < 8; offset++) {
    for (let size = 1; size <= 8; size++) {
      compareReads(device, rules, offset, size);
      compareWrites(device, rules, offset, size);
      accesses += 2 * endiannesses.length;
    }
  }
  device.close();
  return accesses;
}

/** Compares all accesses to all devices; returns how many. A failure tells which device it was. */
function compareAll(devices: readonly MemoryRegionOps[]): number {
  return devices.reduce((accesses, rules) => {
    try {
      return accesses + compare(rules);
    } catch (cause) {
      throw new Error(`device ${JSON.stringify(rules)}`, { cause });
    }
  }, 0);
}

/** All that the callbacks of a device can implement. */
function implementations(validUnaligned: boolean): ImplementedAccesses[] {
  return validUnaligned ? [...sizeRules(false), ...sizeRules(true)] : sizeRules(false);
}

/** All devices of this kind. */
function devices(endianness: Endianness, unaligned: boolean): MemoryRegionOps[] {
  return sizeRules(unaligned).flatMap((valid) =>
    implementations(unaligned).map((implementation) => ({ valid, implementation, endianness })),
  );
}

/** Some devices of this kind that refuse accesses for reasons of their own. */
function choosingDevices(endianness: Endianness, unaligned: boolean): MemoryRegionOps[] {
  const implementation = { minSize: 2, unaligned };
  return sizeRules(unaligned).map((valid) => ({
    valid: { ...valid, accepts },
    implementation,
    endianness,
  }));
}

suite('accesses to a device, in all combinations', () => {
  for (const endianness of ['little', 'big'] as const) {
    for (const unaligned of [false, true]) {
      const which = `a ${endianness}-endian device that takes ${unaligned ? 'all' : 'aligned'} accesses`;
      test(`of ${which}`, (t) => {
        t.diagnostic(`${compareAll(devices(endianness, unaligned))} accesses`);
      });

      test(`of ${which} and chooses among them`, (t) => {
        t.diagnostic(`${compareAll(choosingDevices(endianness, unaligned))} accesses`);
      });
    }
  }
});
