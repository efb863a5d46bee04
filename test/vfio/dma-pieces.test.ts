import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { pieceSizeFor } from '../../lib/vfio/dma/dma-pieces.js';

const MIB = 1n << 20n;
const GIB = 1n << 30n;

suite('pieces of RAM', () => {
  for (const [ram, limit, piece] of [
    [0n, 65_535, 2n * MIB],
    [4n * GIB, 65_535, 2n * MIB],
    [32n * GIB, 65_535, 2n * MIB],
    [32n * GIB + 1n, 65_535, 4n * MIB],
    [64n * GIB, 65_535, 4n * MIB],
    [1024n * GIB, 65_535, 64n * MIB],
    [64n * GIB, Number.POSITIVE_INFINITY, 4n * MIB],
    [4n * GIB, 3, 4n * GIB],
    [4n * GIB, 0, 4n * GIB],
    [1024n * GIB, 4_000_000_000, 2n * MIB],
  ] as const) {
    test(`of ${ram / MIB} MiB with ${limit} mappings: ${piece / MIB} MiB`, () => {
      assert.equal(pieceSizeFor(ram, limit), piece);
    });
  }
});
