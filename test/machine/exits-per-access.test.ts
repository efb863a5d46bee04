import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { exitsPerAccess } from './exits-per-access.js';

test('docs/hardware.md shows the table that is measured in the machines', () => {
  const document = path.resolve(import.meta.dirname, '../../../docs/hardware.md');
  const rows = Object.values(exitsPerAccess).map(
    ({ place, exits, because }) => `| ${place} | ${exits} | ${because} |\n`,
  );
  assert.ok(readFileSync(document, 'utf8').includes(rows.join('')));
});
