import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ioctlTable } from '../../benchmarks/kvm-ioctls.js';

const page = fileURLToPath(new URL('../../../docs/kvm.md', import.meta.url));

test('docs/kvm.md shows the ioctls that changes come to', () => {
  const shown = readFileSync(page, 'utf8');
  assert.ok(shown.includes(ioctlTable().join('\n')), ioctlTable().join('\n'));
});
