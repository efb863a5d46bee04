import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type DirtyLogClient, dirtyLogClients, dirtyPageSize } from '../../lib/index.js';
import { DirtyBitmap, type DirtySnapshot } from '../../lib/memory/dirty/dirty-bitmap.js';
import { runs } from '../oracle/runs.js';
import { flatviewError } from './machine.js';

const { vga, code, migration } = dirtyLogClients;
const page = Number(dirtyPageSize);
const WHOLE = 1n << 64n;

/** The pages of a snapshot by number, runs as `first-last`. */
function pages(snapshot: DirtySnapshot): string[] {
  return [...snapshot.ranges()].map(({ offset, size }) => {
    assert.equal(offset % dirtyPageSize, 0n);
    assert.equal(size % dirtyPageSize, 0n);
    return `${offset / dirtyPageSize}-${(offset + size) / dirtyPageSize - 1n}`;
  });
}

suite('dirty bitmap', () => {
  test('knows the pages that were touched, not only those that were filled', () => {
    const bitmap = new DirtyBitmap();
    bitmap.set(page * 3 - 1, 2, vga);
    bitmap.set(page * 10, 0, vga);
    bitmap.set(page * 20, page, vga);
    assert.equal(bitmap.isDirty('vga', page * 2, 1), true);
    assert.equal(bitmap.isDirty('vga', page * 3 + 100, 1), true);
    assert.equal(bitmap.isDirty('vga', page * 4, page * 16), false);
    assert.equal(bitmap.isDirty('vga', page * 2, 0), false);
    assert.deepEqual(pages(bitmap.snapshotAndClear('vga', 0, WHOLE)), ['2-3', '20-20']);
  });

  test('is kept for each client apart', () => {
    const bitmap = new DirtyBitmap();
    bitmap.set(0, 1, vga | migration);
    bitmap.set(page, 1, code);
    assert.deepEqual(pages(bitmap.snapshotAndClear('vga', 0, WHOLE)), ['0-0']);
    assert.deepEqual(pages(bitmap.snapshotAndClear('vga', 0, WHOLE)), []);
    assert.deepEqual(pages(bitmap.snapshotAndClear('code', 0, WHOLE)), ['1-1']);
    assert.equal(bitmap.isDirty('migration', 0, 1), true);
  });

  test('a snapshot takes the pages of its range, and stays as it is', () => {
    const bitmap = new DirtyBitmap();
    bitmap.set(0, page * 10, vga);
    const snapshot = bitmap.snapshotAndClear('vga', page * 3 + 1, page);
    assert.deepEqual(pages(snapshot), ['3-4']);
    bitmap.set(page * 3, page * 5, vga);
    assert.equal(snapshot.isDirty(page * 5, page), false);
    assert.equal(snapshot.isDirty(page * 4, page * 4), true);
    assert.deepEqual(pages(snapshot), ['3-4']);
    assert.deepEqual(pages(bitmap.snapshotAndClear('vga', 0, WHOLE)), ['0-9']);
  });

  test('reaches to the last page of 2^64 bytes, and costs nothing in between', () => {
    const bitmap = new DirtyBitmap();
    bitmap.set(WHOLE - 1n, 1, migration);
    bitmap.set(0, 1, migration);
    const last = (1n << 52n) - 1n;
    const taken = pages(bitmap.snapshotAndClear('migration', 0, WHOLE));
    assert.deepEqual(taken, ['0-0', `${last}-${last}`]);
  });

  test('refuses what is no offset or size', () => {
    const bitmap = new DirtyBitmap();
    const outOfRange = flatviewError('ERR_ADDRESS_RANGE');
    assert.throws(() => bitmap.set(-1, 1, vga), outOfRange);
    assert.throws(() => bitmap.isDirty('vga', 0, -1), outOfRange);
    assert.throws(() => bitmap.snapshotAndClear('vga', WHOLE, 1), outOfRange);
  });

  test('does in any order what sets of page numbers do', (t) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const bitmap = new DirtyBitmap();
        const model: Model = { vga: new Set(), code: new Set(), migration: new Set() };
        for (const it of steps) follow(bitmap, model, it);
      }),
      runs(t, 200, 0.1),
    );
  });
});

type Model = Record<DirtyLogClient, Set<number>>;

interface Step {
  readonly kind: 'set' | 'take' | 'ask';
  readonly client: DirtyLogClient;
  readonly first: number;
  readonly count: number;
}

/** Page numbers around the borders of words (32 pages) and of blocks (32,768 pages). */
const pageNumber = fc.oneof(
  ...[40, 32768, 65536].map((at) => fc.integer({ min: at - 40, max: at + 40 })),
);

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('set', 'take', 'ask'),
  client: fc.constantFrom('vga', 'code', 'migration'),
  first: pageNumber,
  count: fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constant(33000)),
});

/** Does a step to both, and compares. */
function follow(bitmap: DirtyBitmap, model: Model, { kind, client, first, count }: Step): void {
  const [offset, size] = [first * page, count * page];
  const touched = Array.from({ length: count }, (_, i) => first + i);
  const dirty = touched.filter((it) => model[client].has(it));
  if (kind === 'set') {
    bitmap.set(offset, size, dirtyLogClients[client]);
    model[client] = new Set([...model[client], ...touched]);
  } else if (kind === 'ask') {
    assert.equal(bitmap.isDirty(client, offset, size), dirty.length > 0);
  } else {
    assert.deepEqual(expand(bitmap.snapshotAndClear(client, offset, size)), dirty);
    for (const it of dirty) model[client].delete(it);
  }
}

/** Every page of a snapshot. */
function expand(snapshot: DirtySnapshot): number[] {
  return [...snapshot.ranges()].flatMap(({ offset, size }) =>
    Array.from({ length: Number(size) / page }, (_, i) => Number(offset) / page + i),
  );
}
