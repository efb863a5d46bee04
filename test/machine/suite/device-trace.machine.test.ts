// That QEMU's trace of a device tells each access that reaches it, with its width.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { device } from '../devices.js';
import { tracedAccesses } from '../guest/device-trace.js';
import { decodeMemory, resources } from '../guest/sysfs-pci.js';

const sdhci = device('sdhci');

/** The register "Capabilities" (SD Host Controller Simplified Specification 2.2.26): its bits don't change. */
const capabilities = 0x40;

/** One access of exactly that width, by busybox. */
function devmem(offset: number, bits: number, ...value: string[]): string {
  const address = (resources(sdhci)[0]?.start ?? 0) + offset;
  const args = ['devmem', `0x${address.toString(16)}`, String(bits), ...value];
  return execFileSync('busybox', args, { encoding: 'utf8' }).trim();
}

test('reads of each width, and what they gave', async () => {
  decodeMemory(sdhci);
  for (const width of [1, 2, 4]) {
    let read = 0;
    const accesses = await tracedAccesses(() => {
      read = Number(devmem(capabilities, width * 8));
    });
    assert.notEqual(read, 0);
    assert.deepEqual(accesses, [{ kind: 'read', width, offset: capabilities, value: read }]);
  }
});

test('writes, and what they left', async () => {
  decodeMemory(sdhci);
  /** "Argument 1", a register that only keeps what is written. */
  const argument = 8;
  const accesses = await tracedAccesses(() => {
    devmem(argument, 32, '0x12345678');
    devmem(argument, 16, '0xabcd');
    devmem(argument, 32);
  });
  assert.deepEqual(accesses, [
    { kind: 'write', width: 4, offset: argument, value: 0x1234_5678 },
    { kind: 'write', width: 2, offset: argument, value: 0xabcd },
    { kind: 'read', width: 4, offset: argument, value: 0x1234_abcd },
  ]);
});
