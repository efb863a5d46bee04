// The engine's functions of the native addon, called as they are: what they do with arguments that are none, with
// handles that are dead, and with environments that end.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { addon, exchange } from '../../lib/native/addon.js';
import {
  changeKind,
  commitRefusal,
  type EngineAddon,
  type EngineHandle,
  maxRegions,
  noRegion,
  rangeField,
  rangeFlag,
  rangeLayout,
  recordLayout,
  regionRecordFlag,
  spaceRecordFlag,
} from '../../lib/native/engine-addon.js';
import { noNativeAddon } from '../native-addon.js';
import { RecordBatch } from './record-batch.js';

/** An address space (id 7) with 64 bytes of region 1 at 0x1000, and 16 bytes of region 2 at the last addresses. */
function engineWithTwoRegions(): { engine: EngineHandle; batch: RecordBatch } {
  const engine = addon.engineCreate(true);
  const batch = new RecordBatch(addon, engine);
  batch.region(0, { flags: regionRecordFlag.wholeSpace });
  batch.region(1, { flags: regionRecordFlag.terminates, parent: 0, address: 0x1000n, size: 64n });
  batch.region(2, {
    flags: regionRecordFlag.terminates | regionRecordFlag.readonly,
    parent: 0,
    address: 2n ** 64n - 16n,
    size: 32n,
  });
  batch.space(7, 0, spaceRecordFlag.watched);
  assert.equal(batch.commit(), 10);
  return { engine, batch };
}

function rangeAt(index: number): { first: bigint; last: bigint; offset: bigint; region: number } {
  const word = index * rangeLayout.words;
  return {
    first: exchange.words[word + rangeLayout.first]!,
    last: exchange.words[word + rangeLayout.last]!,
    offset: exchange.words[word + rangeLayout.offset]!,
    region: exchange.halves[2 * word + rangeLayout.region]!,
  };
}

function attributesAt(index: number): number {
  return exchange.halves[2 * index * rangeLayout.words + rangeLayout.attributes]!;
}

/** Whether `view` has a range at `address`. */
function lookUp(view: number, address: bigint): boolean {
  exchange.words[0] = address;
  addon.viewLookup(view);
  return exchange.halves[rangeLayout.region] !== noRegion;
}

/** What a lookup leaves where nothing answers; its offset means nothing. */
function hole(first: bigint, last: bigint): ReturnType<typeof rangeAt> {
  return { first, last, offset: rangeAt(0).offset, region: noRegion };
}

/** Calls a function with arguments that TypeScript would not let pass. */
function callWith(name: keyof EngineAddon, ...args: unknown[]): unknown {
  return (addon[name] as (...args: unknown[]) => unknown)(...args);
}

const ram = { first: 0x1000n, last: 0x103fn, offset: 0n, region: 1 };
const rom = { first: 2n ** 64n - 16n, last: 2n ** 64n - 1n, offset: 0n, region: 2 };

suite('engine functions', () => {
  test('a commit returns its change stream', () => {
    const { engine } = engineWithTwoRegions();
    assert.deepEqual([...exchange.halves.slice(0, 4)], [1, 2, 7, 0]);
    const entries = exchange.words.slice(2, 10);
    assert.deepEqual([...entries.slice(0, 3)], [ram.first, ram.last, ram.offset]);
    const attributes = Number(entries[3]! >> 32n);
    assert.equal((attributes >> rangeField.kind.shift) & rangeField.kind.mask, changeKind.add);
    addon.engineDestroy(engine);
  });

  test('a refused commit says why, and changes nothing', () => {
    const { engine, batch } = engineWithTwoRegions();
    const serial = addon.engineViewSerial(engine, 7);
    batch.region(1, { parent: 99 });
    assert.equal(batch.commit(), commitRefusal.malformed);
    assert.equal(exchange.words[0], 0n);
    batch.region(maxRegions, {});
    assert.equal(batch.commit(), commitRefusal.malformed);
    batch.region(3, { flags: regionRecordFlag.alias, parent: 0, target: 0, size: 8n });
    assert.equal(batch.commit(), commitRefusal.endlessAlias);
    assert.equal(exchange.words[0], 3n);
    assert.equal(addon.engineViewSerial(engine, 7), serial);
    addon.engineDestroy(engine);
  });

  test('a pending commit is published or rolled back, and nothing else is possible', () => {
    const { engine, batch } = engineWithTwoRegions();
    const serial = addon.engineViewSerial(engine, 7);
    assert.throws(() => addon.enginePublish(engine), { code: 'ERR_INVALID_STATE' });
    assert.throws(() => addon.engineRollback(engine), { code: 'ERR_INVALID_STATE' });

    batch.regionRemoved(1);
    assert.equal(batch.commit(false), 6);
    assert.throws(() => batch.commit(), { code: 'ERR_INVALID_STATE' });
    assert.equal(addon.engineViewSerial(engine, 7), serial);
    addon.engineRollback(engine);
    assert.equal(addon.engineViewSerial(engine, 7), serial);

    batch.regionRemoved(1);
    batch.commit(false);
    addon.enginePublish(engine);
    assert.notEqual(addon.engineViewSerial(engine, 7), serial);
    addon.engineDestroy(engine);
  });

  test('a change stream longer than the exchange buffer is read in pieces', () => {
    const engine = addon.engineCreate(true);
    const batch = new RecordBatch(addon, engine);
    const count = 5000;
    batch.region(0, { flags: regionRecordFlag.wholeSpace });
    for (let id = 1; id <= count; id++) {
      batch.region(id, {
        flags: regionRecordFlag.terminates,
        parent: 0,
        address: BigInt(id) * 0x1000n,
        size: 0x800n,
      });
    }
    batch.space(0, 0, spaceRecordFlag.watched);
    const length = batch.commit();
    assert.equal(length, 2 + count * rangeLayout.words);

    const stream: bigint[] = [];
    while (stream.length < length) {
      const words = addon.engineReadChanges(engine, stream.length);
      assert.ok(words > 0);
      stream.push(...exchange.words.slice(0, words));
    }
    assert.equal(stream.length, length);
    assert.equal(stream[0], (BigInt(count) << 32n) | 1n);
    for (let id = 1; id <= count; id++) {
      assert.equal(stream[2 + (id - 1) * rangeLayout.words], BigInt(id) * 0x1000n);
    }
    assert.equal(addon.engineReadChanges(engine, length), 0);
    assert.throws(() => addon.engineReadChanges(engine, length + 1), RangeError);
    addon.engineDestroy(engine);
  });

  test('a view finds and lists ranges', () => {
    const { engine } = engineWithTwoRegions();
    const view = addon.viewAcquire(engine, 7);
    assert.equal(addon.viewRoot(view), 0);
    assert.equal(addon.viewRangeCount(view), 2);
    assert.equal(lookUp(view, 0xfffn), false);
    assert.deepEqual(rangeAt(0), hole(0n, 0xfffn));
    assert.equal(lookUp(view, 0x1000n), true);
    assert.deepEqual(rangeAt(0), ram);
    assert.equal(lookUp(view, 0x1040n), false);
    assert.deepEqual(rangeAt(0), hole(0x1040n, 2n ** 64n - 17n));
    assert.equal(lookUp(view, 2n ** 64n - 1n), true);
    assert.deepEqual(rangeAt(0), rom);
    assert.equal(attributesAt(0), rangeFlag.readonly);

    assert.equal(addon.viewRanges(view, 0n, 100), 2);
    assert.deepEqual([rangeAt(0), rangeAt(1)], [ram, rom]);
    assert.equal(addon.viewRanges(view, 0, 1), 1);
    assert.equal(addon.viewRanges(view, 0x103fn, 100), 2);
    assert.equal(addon.viewRanges(view, 0x1040n, 100), 1);
    assert.deepEqual(rangeAt(0), rom);
    assert.equal(addon.viewRanges(view, 0n, 0), 0);
    addon.viewRelease(view);
    addon.engineDestroy(engine);
  });

  test('a view outlives later commits and its engine', () => {
    const { engine, batch } = engineWithTwoRegions();
    const view = addon.viewAcquire(engine, 7);
    batch.spaceRemoved(7);
    for (const id of [1, 2, 0]) batch.regionRemoved(id);
    batch.commit();
    addon.engineDestroy(engine);
    assert.equal(lookUp(view, 0x1010n), true);
    assert.deepEqual(rangeAt(0), ram);
    addon.viewRelease(view);
  });

  test('the empty view has no root and serial 0', () => {
    const { engine, batch } = engineWithTwoRegions();
    batch.space(8, noRegion, 0);
    batch.commit();
    const view = addon.viewAcquire(engine, 8);
    assert.equal(addon.engineViewSerial(engine, 8), 0);
    assert.equal(addon.viewRoot(view), noRegion);
    assert.equal(addon.viewRanges(view, 0n, 10), 0);
    addon.viewRelease(view);
    addon.engineDestroy(engine);
  });

  test('a dead handle is refused, also when its place is taken again', () => {
    const { engine } = engineWithTwoRegions();
    const view = addon.viewAcquire(engine, 7);
    addon.viewRelease(view);
    assert.throws(() => addon.viewRelease(view), RangeError);
    const next = addon.viewAcquire(engine, 7);
    assert.notEqual(next, view);
    assert.throws(() => addon.viewRangeCount(view), { code: 'ERR_OUT_OF_RANGE' });
    addon.viewRelease(next);

    addon.engineDestroy(engine);
    assert.throws(() => addon.engineDestroy(engine), RangeError);
    const { engine: other } = engineWithTwoRegions();
    assert.notEqual(other, engine);
    assert.throws(() => addon.engineViewSerial(engine, 7), RangeError);
    addon.engineDestroy(other);
  });

  test('an address space that no commit has made shows the empty view, and is not shared', () => {
    const { engine } = engineWithTwoRegions();
    assert.equal(addon.engineViewSerial(engine, 6), 0);
    const view = addon.viewAcquire(engine, 6);
    assert.equal(addon.viewRangeCount(view), 0);
    if (!noNativeAddon) assert.throws(() => addon.engineShare(engine, 6), RangeError);
    addon.viewRelease(view);
    addon.engineDestroy(engine);
  });

  test('a view is renewed in place, and says whether it is another one', () => {
    const { engine, batch } = engineWithTwoRegions();
    const view = addon.viewAcquire(engine, 7);
    const count = addon.viewRangeCount(view);
    assert.equal(addon.viewRenew(view, engine, 7), false);
    batch.regionRemoved(2);
    assert.ok(batch.commit() >= 0);
    assert.equal(addon.viewRangeCount(view), count);
    assert.equal(addon.viewRenew(view, engine, 7), true);
    assert.notEqual(addon.viewRangeCount(view), count);
    addon.viewRelease(view);
    assert.throws(() => addon.viewRenew(view, engine, 7), RangeError);
    addon.engineDestroy(engine);
  });

  test('a batch has as many records as its buffer holds, and no more', () => {
    const engine = addon.engineCreate(true);
    assert.equal(addon.engineCommit(engine, 0, true), 0);
    assert.throws(() => addon.engineCommit(engine, 1, true), RangeError);
    const buffer = new ArrayBuffer(2 * recordLayout.bytes + 63);
    addon.engineUseBatch(engine, buffer);
    assert.equal(addon.engineCommit(engine, 2, true), commitRefusal.malformed);
    assert.throws(() => addon.engineCommit(engine, 3, true), RangeError);
    structuredClone(buffer, { transfer: [buffer] });
    assert.throws(() => addon.engineCommit(engine, 1, true), RangeError);
    addon.engineDestroy(engine);
  });

  test('arguments of another type or out of range are refused', () => {
    const { engine } = engineWithTwoRegions();
    const view = addon.viewAcquire(engine, 7);
    const noNumbers = [undefined, null, '1', 1n, {}, [], true, Symbol('1'), () => 1];
    const noHandles = [-1, 0, 0.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY];
    for (const name of [
      'engineDestroy',
      'viewRelease',
      'viewRoot',
      'viewRangeCount',
      'viewLookup',
    ] as const) {
      for (const argument of noNumbers) assert.throws(() => callWith(name, argument), TypeError);
      for (const argument of noHandles) assert.throws(() => callWith(name, argument), RangeError);
    }
    for (const address of [undefined, null, '1', {}, true]) {
      assert.throws(() => callWith('viewRanges', view, address, 1), TypeError);
    }
    for (const address of [-1n, 2n ** 64n, -1, 0.5, 2 ** 53, Number.NaN]) {
      assert.throws(() => addon.viewRanges(view, address, 1), RangeError);
    }
    assert.throws(() => callWith('engineCommit', engine, 0, 1), TypeError);
    assert.throws(() => callWith('engineCommit', engine, 0), TypeError);
    for (const buffer of [undefined, {}, new Uint8Array(64), 64]) {
      assert.throws(() => callWith('engineUseBatch', engine, buffer), TypeError);
    }
    assert.throws(() => addon.viewRanges(view, -1n, 1), {
      code: 'ERR_OUT_OF_RANGE',
      message: 'argument 2 must be from 0 to 2^64 - 1',
    });
    addon.viewRelease(view);
    addon.engineDestroy(engine);
  });

  test('every environment has handles of its own, and gives all back when it ends', async () => {
    const { engine } = engineWithTwoRegions();
    const view = addon.viewAcquire(engine, 7);
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(new URL('./engine-worker.js', import.meta.url), {
        workerData: { engine, view },
      });
      const outcome = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      assert.deepEqual(outcome, {
        foreign: 'ERR_OUT_OF_RANGE',
        found: 15,
      });
      await worker.terminate();
    }
    assert.equal(lookUp(view, 0x1000n), true);
    addon.viewRelease(view);
    addon.engineDestroy(engine);
  });
});
