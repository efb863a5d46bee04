// The parts of the example that need no device: the whole of it runs in the emulated machine (test/machine/suite).

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { placeBars } from '../../examples/passthrough/firmware.js';
import { noNativeAddon } from '../native-addon.js';
import { AssignedMachine, deviceWith } from '../pci/assigned-machine.js';

const main = fileURLToPath(new URL('../../examples/passthrough/main.js', import.meta.url));

suite('the example passthrough', () => {
  test('gives each memory BAR whole pages of its own, and what is large 64 bits', {
    skip: noNativeAddon,
  }, () => {
    const machine = new AssignedMachine([
      deviceWith([
        { index: 0, kind: 'memory', size: 0x100n },
        { index: 1, kind: 'memory', size: 0x4000n },
        { index: 2, kind: 'io', size: 0x20n },
        { index: 3, kind: 'memory', size: 0x10n },
        { index: 4, kind: 'memory', size: 1n << 32n, is64Bit: true },
      ]),
    ]);
    const assigned = machine.assign();
    placeBars(assigned, machine.pageSize);
    assert.deepEqual(
      assigned.function.bars.map(({ address }) => address),
      [0xe000_0000n, 0xe000_4000n, undefined, 0xe000_8000n, 0x10_0000_0000n],
    );
    assert.deepEqual(machine.slotLines(), [
      '1000000000+100000000',
      'e0000000+1000',
      'e0004000+4000',
      'e0008000+1000',
    ]);
  });

  test('says which device there is not', () => {
    const { status, stderr } = spawnSync(process.execPath, [main, 'ffff:00:00.0'], {
      encoding: 'utf8',
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /ERR_PASSTHROUGH.*ffff:00:00\.0|ffff:00:00\.0.*/);
  });
});
