import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pciWriteTable } from '../../benchmarks/pci-writes.js';

const page = fileURLToPath(new URL('../../../docs/pci.md', import.meta.url));

test('docs/pci.md shows what writes to a configuration space come to', () => {
  const shown = readFileSync(page, 'utf8');
  assert.ok(shown.includes(pciWriteTable().join('\n')), pciWriteTable().join('\n'));
});
