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
import { type Call, deviceBytes, modelAccess, toBytes, toValue } from './access-model.js';

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
  readonly calls: Call[] = [];
  readonly #topology = new MemoryTopology();
  readonly #system = this.#topology.container('system', 1n << 64n);
  readonly memory = this.#topology.addressSpace('memory', this.#system);

  constructor(rules: MemoryRegionOps) {
    const device = this.#topology.io('device', 0x100, {
      ...rules,
      read: (offset, size) => {
        this.calls.push({ kind: 'read', offset: Number(offset), size });
        return toValue(deviceBytes(Number(offset), size), 'little');
      },
      write: (offset, value, size) => {
        const bytes = toBytes(value, size);
        this.calls.push({ kind: 'write', offset: Number(offset), size, bytes });
      },
    });
    this.#system.addSubregion(0x1000, device);
  }

  close(): void {
    this.#topology.close();
  }
}

function compareReads(rules: MemoryRegionOps, where: string): number {
  const device = new OneDevice(rules);
  let accesses = 0;
  for (let offset = 0; offset < 8; offset++) {
    for (let size = 1; size <= 8; size++) {
      const expected = modelAccess(rules, 'read', offset, written.slice(0, size));
      for (const order of endiannesses) {
        device.calls.length = 0;
        const actual = device.memory.read(0x1000 + offset, size, {}, order);
        const what = `${where}: read ${size} at ${offset}, ${order}`;
        assert.deepEqual(device.calls, expected.calls, what);
        assert.equal(actual.value, toValue(expected.bytes, order), what);
        const result = expected.isRejected ? MemTxResult.decodeError : MemTxResult.ok;
        assert.equal(actual.result, result, what);
        accesses++;
      }
    }
  }
  device.close();
  return accesses;
}

function compareWrites(rules: MemoryRegionOps, where: string): number {
  const device = new OneDevice(rules);
  let accesses = 0;
  for (let offset = 0; offset < 8; offset++) {
    for (let size = 1; size <= 8; size++) {
      const expected = modelAccess(rules, 'write', offset, written.slice(0, size));
      for (const order of endiannesses) {
        device.calls.length = 0;
        const value = toValue(written.slice(0, size), order);
        const actual = device.memory.write(0x1000 + offset, size, value, {}, order);
        const what = `${where}: write ${size} at ${offset}, ${order}`;
        assert.deepEqual(device.calls, expected.calls, what);
        assert.equal(actual, expected.isRejected ? MemTxResult.decodeError : MemTxResult.ok, what);
        accesses++;
      }
    }
  }
  device.close();
  return accesses;
}

/** How many accesses were compared. */
function compare(rules: MemoryRegionOps): number {
  const where = JSON.stringify({ ...rules, chooses: rules.valid?.accepts !== undefined });
  return compareReads(rules, where) + compareWrites(rules, where);
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
        let accesses = 0;
        for (const rules of devices(endianness, unaligned)) accesses += compare(rules);
        t.diagnostic(`${accesses} accesses`);
      });

      test(`of ${which} and chooses among them`, (t) => {
        let accesses = 0;
        for (const rules of choosingDevices(endianness, unaligned)) accesses += compare(rules);
        t.diagnostic(`${accesses} accesses`);
      });
    }
  }
});
