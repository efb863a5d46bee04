// examples/passthrough as it is, on the devices of the machine.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { suite, test } from 'node:test';
import { device, pciName } from '../devices.js';

const example = path.resolve(import.meta.dirname, '../../../examples/passthrough/main.js');

function output(name: string, ...more: string[]): string {
  const args = [example, pciName(device(name)), ...more];
  return execFileSync(process.execPath, args, { encoding: 'utf8' });
}

suite('the example passthrough', () => {
  test('has a guest read a register of a mapped BAR', () => {
    const told = output('edu');
    assert.match(told, /^0000:00:04\.0, opened by (container|iommufd)\./);
    assert.match(told, /e0000000-e00fffff {2}0000:00:04\.0 BAR 0 mmaps\[0\]\n/);
    assert.match(told, /KvmMemorySlots: slot \d+: 0xe0000000-0xe00fffff shows/);
    assert.match(told, /The guest read 0x10000ed at e0000000, 1000 times, with 0 exits\./);
  });

  test('says why a BAR is slow that can not be mapped', () => {
    const told = output('sdhci-shared-start', '0', '0x40');
    assert.match(told, /0000:00:10\.0: the kernel does not let BAR 0 be mapped/);
    assert.match(told, /1000 times, with 1000 exits\./);
  });
});
