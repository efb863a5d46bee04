import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { holeTable, ioctlTable } from '../../benchmarks/vfio-ioctls.js';
import { noNativeAddon } from '../native-addon.js';

const page = fileURLToPath(new URL('../../../docs/vfio-dma.md', import.meta.url));

test('docs/vfio-dma.md shows the ioctls that changes come to, and what a hole in RAM pins again', {
  skip: noNativeAddon,
}, () => {
  const shown = readFileSync(page, 'utf8');
  for (const table of [ioctlTable(), holeTable()]) {
    assert.ok(shown.includes(table.join('\n')), table.join('\n'));
  }
});
