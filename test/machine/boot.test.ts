import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { boot } from './boot.js';

const noQemu =
  spawnSync('qemu-system-x86_64', ['--version']).status === 0
    ? false
    : 'QEMU is not installed (on Debian: qemu-system-x86)';

test('a machine that has no kernel is tried twice, and says what QEMU said', {
  skip: noQemu,
}, async (t) => {
  const share = mkdtempSync(path.join(os.tmpdir(), 'flatview-boot-'));
  t.after(() => rmSync(share, { recursive: true }));
  const told = t.mock.method(console, 'log', () => undefined);
  const image = path.join(share, 'vmlinuz');
  writeFileSync(image, 'no kernel');
  const trace = path.join(share, 'trace.log');
  const files = { image, initramfs: image, share, trace };
  const failure = await boot({ ...files, iommu: 'intel', devices: [], processors: 1 });
  assert.match(failure ?? '', /^QEMU ended with status 1 before .* console:\nqemu: linux kernel/);
  assert.equal(told.mock.callCount(), 1);
  assert.match(String(told.mock.calls[0]?.arguments[0]), /booted once more/);
});
