import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { SystemCallFailure } from '../../lib/native/system-call.js';
import { MapQueue } from '../../lib/vfio/kernel/map-queue.js';
import { flatviewError } from '../memory/machine.js';

const what = 'IOMMU_IOAS_MAP';
const refusal: SystemCallFailure = { call: what, arguments: 'iova 0x1000', errno: 12 };

/** The mappings of a test: when each began, and what ends it. */
class Mappings {
  readonly begun: number[] = [];
  readonly #ends: ((failure?: SystemCallFailure) => void)[] = [];

  map(number: number): () => Promise<SystemCallFailure | undefined> {
    return () => {
      this.begun.push(number);
      return new Promise((resolve) => {
        this.#ends[number] = resolve;
      });
    };
  }

  async end(number: number, failure?: SystemCallFailure): Promise<void> {
    this.#ends[number]?.(failure);
    await setImmediate();
  }
}

test('mappings on other threads are made one after the other, in their order', async () => {
  const [queue, mappings] = [new MapQueue(), new Mappings()];
  const all = Promise.all([0, 1, 2].map((it) => queue.add(what, mappings.map(it))));
  await setImmediate();
  assert.deepEqual(mappings.begun, [0]);
  await mappings.end(0);
  assert.deepEqual(mappings.begun, [0, 1]);
  await mappings.end(1);
  await mappings.end(2);
  await all;
  assert.deepEqual(mappings.begun, [0, 1, 2]);
});

test('a refusal rejects its own promise, and the next is made', async () => {
  const [queue, mappings] = [new MapQueue(), new Mappings()];
  const first = queue.add(what, mappings.map(0));
  const refused = assert.rejects(first, flatviewError('ERR_SYSTEM_CALL', /IOMMU_IOAS_MAP.*ENOMEM/));
  const second = queue.add(what, () => {
    throw new Error('closed');
  });
  const thrown = assert.rejects(second, /closed/);
  const third = queue.add(what, mappings.map(2));
  await setImmediate();
  await mappings.end(0, refusal);
  await Promise.all([refused, thrown]);
  assert.deepEqual(mappings.begun, [0, 2]);
  await mappings.end(2);
  await third;
});
