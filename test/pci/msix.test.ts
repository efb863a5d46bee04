import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type MsiMessage, Msix } from '../../lib/pci/index.js';
import { runs } from '../oracle/runs.js';

const enable = 0x8000;
const functionMask = 0x4000;
const address = 0xfee0_0000n;

/** A table, what it sent, and which vectors were told to have become what. */
function table(vectors = 4) {
  const sent: [number, bigint, number][] = [];
  const told: [number, number | undefined][] = [];
  const msix = new Msix(vectors, {
    send: (vector, { address: to, data }) => sent.push([vector, to, data]),
    vectorChanged: (vector, message) => told.push([vector, message?.data]),
  });
  const program = (vector: number, data: number, masked = false): void => {
    msix.writeTable(16 * vector, address, 8);
    msix.writeTable(16 * vector + 8, BigInt(data), 4);
    msix.writeTable(16 * vector + 12, masked ? 1n : 0n, 4);
  };
  return { msix, sent, told, program };
}

suite('the emulated MSI-X table', () => {
  test('after a reset all vectors are masked, and nothing is pending', () => {
    const { msix, program } = table();
    program(1, 0x41);
    msix.setControl(enable);
    msix.reset();
    for (const vector of [0, 1, 2, 3]) {
      assert.equal(msix.readTable(16 * vector, 8), 0n);
      assert.equal(msix.readTable(16 * vector + 8, 8), 1n << 32n);
      assert.equal(msix.isPending(vector), false);
    }
    assert.equal(msix.enabled, false);
  });

  test('a vector that fires sends its message; not enabled, nothing happens', () => {
    const { msix, sent, program } = table();
    program(2, 0x42);
    msix.fire(2);
    assert.equal(msix.isPending(2), false);
    msix.setControl(enable);
    msix.fire(2);
    assert.deepEqual(sent, [[2, address, 0x42]]);
  });

  test('a masked vector becomes pending, and fires once when it no longer is masked', () => {
    const { msix, sent, program } = table();
    program(1, 0x41, true);
    msix.setControl(enable);
    msix.fire(1);
    msix.fire(1);
    assert.equal(msix.isPending(1), true);
    assert.equal(msix.pendingBitsOps.read?.(0n, 8, {}), 2n);
    assert.deepEqual(sent, []);
    msix.writeTable(16 + 12, 0n, 4);
    assert.deepEqual(sent, [[1, address, 0x41]]);
    assert.equal(msix.isPending(1), false);
  });

  test('the function mask masks all, and lets what is pending fire when it is gone', () => {
    const { msix, sent, told, program } = table();
    program(0, 0x40);
    program(3, 0x43, true);
    msix.setControl(enable | functionMask);
    msix.fire(0);
    msix.fire(3);
    assert.deepEqual(sent, []);
    assert.deepEqual(told, []);
    msix.setControl(enable);
    assert.deepEqual(sent, [[0, address, 0x40]]);
    assert.deepEqual(told, [[0, 0x40]]);
    assert.equal(msix.isPending(3), true);
  });

  test('a handler hears once for each vector that a write makes another one', () => {
    const { msix, told, program } = table();
    msix.setControl(enable);
    program(1, 0x41);
    assert.deepEqual(told, [[1, 0x41]]);
    msix.writeTable(16 + 8, 0x51n, 4);
    msix.writeTable(16 + 8, 0x51n, 4);
    msix.writeTable(16 + 12, 1n, 4);
    msix.writeTable(16 + 8, 0x61n, 4);
    assert.deepEqual(told, [
      [1, 0x41],
      [1, 0x51],
      [1, undefined],
    ]);
  });

  test('reserved bits stay: those of vector control, and the lowest two of an address', () => {
    const { msix } = table();
    msix.writeTable(0, (1n << 64n) - 1n, 8);
    msix.writeTable(8, (1n << 64n) - 1n, 8);
    assert.equal(msix.readTable(0, 8), (1n << 64n) - 4n);
    assert.equal(msix.readTable(8, 8), 0x1_ffff_ffffn);
  });

  test('a state is put back, and tells and fires what it has to', () => {
    const { msix, program } = table();
    program(0, 0x40);
    program(1, 0x41);
    msix.setControl(enable | functionMask);
    msix.fire(1);
    const copy = table();
    copy.msix.restore({ ...msix.save(), control: enable });
    assert.deepEqual(copy.told, [
      [0, 0x40],
      [1, 0x41],
    ]);
    assert.deepEqual(copy.sent, [[1, address, 0x41]]);
    assert.throws(() => table(5).msix.restore(msix.save()), { code: 'ERR_INVALID_ARGUMENT' });
  });

  test('a table of a size that none has is refused', () => {
    for (const vectors of [-1, 0, 1.5, 2049, 4096, Number.NaN]) {
      assert.throws(() => table(vectors), { code: 'ERR_INVALID_ARGUMENT' });
    }
    assert.equal(table(2048).msix.vectorCount, 2048);
  });

  test('a vector that is not there is the embedder’s mistake', () => {
    for (const vector of [-1, 4, 0.5, Number.NaN]) {
      assert.throws(() => table().msix.fire(vector), { code: 'ERR_INVALID_ARGUMENT' });
    }
  });

  test('whatever a guest writes: no throw, and what handlers heard is what may fire', (t) => {
    const write = fc.tuple(
      fc.nat(16 * 4 + 8),
      fc.bigInt(0n, (1n << 64n) - 1n),
      fc.constantFrom(1, 2, 4, 8),
    );
    const control = fc.constantFrom(0, enable, functionMask, enable | functionMask);
    const property = fc.property(fc.array(fc.oneof(write, control), { maxLength: 40 }), (steps) => {
      const heard = new Map<number, MsiMessage | undefined>();
      const msix = new Msix(4, {
        send: () => undefined,
        vectorChanged: (vector, message) => heard.set(vector, message),
      });
      for (const step of steps) {
        if (typeof step === 'number') msix.setControl(step);
        else msix.tableOps.write?.(BigInt(step[0]), step[1], step[2], {});
        for (const vector of [0, 1, 2, 3]) {
          assert.deepEqual(heard.get(vector), msix.messageOf(vector));
        }
      }
    });
    fc.assert(property, runs(t, 300, 0.05));
  });
});
