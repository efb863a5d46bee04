import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ConfigSpace, layHeader } from '../../lib/pci/index.js';
import { flatviewError } from '../memory/machine.js';
import { runs } from '../oracle/runs.js';

suite('Configuration space: what a guest may change', () => {
  test('each bit is read-only, writable, or cleared by a one', () => {
    const config = new ConfigSpace();
    config.set(0x40, 4, 0x1234_5678);
    config.makeWritable(0x40, 2, 0x0ff0);
    config.makeClearable(0x42, 2, 0x00ff);
    config.write(0x40, 4, 0xffff_ffff);
    assert.equal(config.read(0x40, 4), 0x1200_5ff8);
    config.write(0x40, 4, 0);
    assert.equal(config.read(0x40, 4), 0x1200_5008);
  });

  test('1, 2, 3 and 4 bytes at any offset, across registers', () => {
    const config = new ConfigSpace();
    config.makeWritable(0x40, 4, 0xffff_ffff);
    config.makeWritable(0x44, 4, 0xffff_ffff);
    config.write(0x43, 2, 0xbbaa);
    config.write(0x41, 1, 0xffff_ffcc);
    assert.equal(config.read(0x40, 4), 0xaa00_cc00);
    assert.equal(config.read(0x42, 4), 0x00bb_aa00);
    assert.equal(config.read(0x43, 3), 0x00_bbaa);
  });

  test('behind the end, reads are all ones and writes go nowhere', () => {
    const config = new ConfigSpace();
    config.makeWritable(0xfc, 4, 0xffff_ffff);
    config.write(0xfe, 4, 0x4433_2211);
    assert.equal(config.read(0xfe, 4), 0xffff_2211);
    assert.equal(config.read(0x1000, 2), 0xffff);
    config.write(0x4000_0000, 4, 1);
  });

  test('no offset, size or value makes a guest throw, or changes a read-only bit', (t) => {
    const config = new ConfigSpace(4096);
    for (let at = 0; at < 4096; at += 4) config.set(at, 4, at * 0x0101_0101);
    const before = config.save();
    const number = fc.oneof(fc.integer(), fc.nat(0x1010), fc.double());
    fc.assert(
      fc.property(number, fc.nat(9), number, (offset, size, value) => {
        config.write(offset, size, value);
        const read = config.read(offset, size);
        assert.ok(read >= 0 && read < 2 ** 32);
        assert.deepEqual(config.save(), before);
      }),
      runs<[number, number, number]>(t, 1000, 0.01),
    );
  });

  test('a rule decides when a byte of its register is written, and of the others not', () => {
    const config = new ConfigSpace();
    config.makeWritable(0x40, 4, 0xffff_ffff);
    const seen: string[] = [];
    config.addRule({
      offset: 0x42,
      size: 2,
      accept: (next, old) => {
        seen.push(`${old.toString(16)} ${next.toString(16)}`);
        return next === 0xbad ? old : next;
      },
    });
    config.write(0x40, 2, 1);
    config.write(0x40, 4, 0x0123_0000);
    config.write(0x42, 2, 0xbad);
    config.write(0x43, 1, 4);
    assert.deepEqual(seen, ['0 123', '123 bad', '123 423']);
    assert.equal(config.read(0x40, 4), 0x0423_0000);
  });
});

suite('Configuration space: its state as bytes', () => {
  function config(vendor: number): ConfigSpace {
    const made = new ConfigSpace();
    made.set(0, 2, vendor);
    made.fix(0, 2, 0xffff);
    made.makeWritable(0x40, 4, 0xffff_ffff);
    return made;
  }

  test('restored, each byte is as it was, read-only ones too', () => {
    const one = config(0x8086);
    one.set(0x50, 4, 77);
    one.write(0x40, 4, 0xdead_beef);
    const other = config(0x8086);
    other.restore(one.save());
    assert.deepEqual(other.save(), one.save());
  });

  test('the state of another kind of function, or of another size, is refused and changes nothing', () => {
    const one = config(0x8086);
    const before = one.save();
    const refusal = flatviewError('ERR_INVALID_ARGUMENT', /byte at 0x0 .* is 0x34, and 0x86 here/);
    assert.throws(() => one.restore(config(0x1234).save()), refusal);
    assert.throws(() => one.restore(new Uint8Array(4096)), flatviewError('ERR_INVALID_ARGUMENT'));
    assert.deepEqual(one.save(), before);
  });
});

suite("Configuration space: the device's mistakes", () => {
  test('a register that is not within it', () => {
    const config = new ConfigSpace();
    const refusal = flatviewError('ERR_ADDRESS_RANGE');
    for (const [offset, size] of [
      [-1, 1],
      [0xfd, 4],
      [0.5, 1],
      [0, 0],
      [0, 5],
    ] as const) {
      assert.throws(() => config.get(offset, size), refusal);
      assert.throws(() => config.set(offset, size, 0), refusal);
      assert.throws(() => config.makeWritable(offset, size, 0), refusal);
      assert.throws(() => config.makeClearable(offset, size, 0), refusal);
      assert.throws(() => config.keepElsewhere(offset, size, 0), refusal);
      assert.throws(() => config.addRule({ offset, size, accept: () => 0 }), refusal);
    }
  });

  test('an identity of which bits would be lost', () => {
    const config = new ConfigSpace();
    const before = config.save();
    const identity = { vendorId: 0x8086, deviceId: 0x100e };
    for (const wrong of [
      { vendorId: 0x1_8086 },
      { deviceId: -1 },
      { vendorId: 0.5 },
      { classCode: 0x100_0000 },
      { revisionId: 0x100 },
      { subsystemVendorId: 0x1_0000 },
      { subsystemId: Number.NaN },
      { interruptPin: 5 },
    ]) {
      assert.throws(
        () => layHeader(config, { ...identity, ...wrong }),
        flatviewError('ERR_INVALID_ARGUMENT'),
      );
      assert.deepEqual(config.save(), before);
    }
    assert.throws(
      () => layHeader(config, { ...identity, vendorId: 0x1_8086 }),
      /vendorId is 0x18086: not 0 to 0xffff/,
    );
    layHeader(config, { ...identity, classCode: 0xff_ffff, interruptPin: 4 });
    assert.equal(config.get(0x09, 3), 0xff_ffff);
  });

  test('a size that is neither of PCI nor of PCI Express', () => {
    assert.throws(() => new ConfigSpace(512 as 256), flatviewError('ERR_INVALID_ARGUMENT'));
  });
});
