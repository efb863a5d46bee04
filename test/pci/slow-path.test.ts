import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type AccessWidth, FlatviewError, HostMemory } from '../../lib/index.js';
import { GuestMessages } from '../../lib/pci/index.js';
import {
  buildTruncatedMemory,
  noTruncatedMemory,
  truncatedMemory,
} from '../memory/truncated-memory.js';
import {
  AssignedMachine,
  deviceWith,
  nic,
  openDevice,
  patched,
  place,
} from './assigned-machine.js';
import { setCommand } from './pci-machine.js';

const base = 0xc000_0000n;
const bar = { index: 0, kind: 'memory', size: 0x2000n } as const;

suite('the slow path', () => {
  test('what the device refuses reads as ones; it is counted, and told a few times', () => {
    const machine = new AssignedMachine([deviceWith([{ ...bar, sparseAreas: [] }])]);
    const said: string[] = [];
    const messages = new GuestMessages(({ code, text }) => said.push(`${code}: ${text}`), {
      burst: 2,
      now: () => 0,
    });
    const assigned = machine.assign({ messages });
    place(assigned, 0, base);
    for (let i = 0; i < 10; i++) {
      machine.host.order({ ioctl: 'pread', call: 1, errno: 'EIO' });
      assert.equal(machine.memory.read(base + 8n, 4).value, 0xffff_ffffn);
    }
    machine.host.order({ ioctl: 'pwrite', call: 1, errno: 'EIO' });
    assert.equal(machine.memory.write(base + 8n, 4, 1n), 0);
    assert.equal(assigned.bar(0)?.slowPath.failures, 11);
    assert.equal(said.length, 2);
    assert.match(
      said[0] ?? '',
      /^device-access-failed: BAR 0 of 0000:05:00.0: .* at 0x8 failed: .*EIO/,
    );
    assert.equal(machine.memory.read(base + 8n, 4).value, 0n);
  });

  test('an error that is none of the kernel reaches who made the access', () => {
    const machine = new AssignedMachine([deviceWith([{ ...bar, sparseAreas: [] }])]);
    const read = (region: number, offset: bigint, width: AccessWidth): bigint => {
      if (region === 7) return open.read(region, offset, width);
      throw new TypeError('a bug');
    };
    const open = openDevice(machine.host);
    place(machine.assign({ device: patched(open, { read }) }), 0, base);
    assert.throws(() => machine.memory.read(base, 4), TypeError);
  });

  test('a mapping that does not answer (SIGBUS) is as a device that refuses', {
    skip: noTruncatedMemory,
  }, () => {
    const machine = new AssignedMachine([deviceWith([bar])]);
    const file = truncatedMemory(buildTruncatedMemory());
    const map = () => HostMemory.ofDeviceAt(file.hostAddress, file.size, 'BAR 0', file);
    const device = patched(openDevice(machine.host), { map });
    const said: string[] = [];
    const messages = new GuestMessages(({ text }) => said.push(text), { burst: 2, now: () => 0 });
    const assigned = machine.assign({ device, messages, slowPath: 'mapping' });
    place(assigned, 0, base);
    assigned.mappingsEnabled = false;
    assert.equal(machine.memory.read(base, 4).value, 0x5a5a_5a5an);
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(machine.memory.read(base + 0x1000n, 4), { value: 0xffff_ffffn, result: 0 });
      assert.equal(machine.memory.write(base + 0x1000n, 4, 1n), 0);
    }
    assert.equal(assigned.bar(0)?.slowPath.failures, 10);
    assert.equal(said.length, 2);
    assert.match(said[0] ?? '', /BAR 0 of 0000:05:00.0: .* at 0x1000 failed: .*SIGBUS/);
  });

  test('behind what the device has all is ones, and the kernel is not asked', () => {
    const machine = new AssignedMachine([deviceWith([{ ...bar, size: 0x100n }])]);
    const assigned = machine.assign();
    place(assigned, 0, base);
    assigned.mappingsEnabled = false;
    const calls = machine.host.calls.length;
    assert.equal(machine.memory.read(base + 0x100n, 8).value, (1n << 64n) - 1n);
    machine.memory.write(base + 0xff8n, 8, 0n);
    assert.equal(machine.host.calls.length, calls);
    assert.equal(assigned.bar(0)?.slowPath.failures, 0);
  });

  test('each access is told, so that it can end an INTx', () => {
    let accesses = 0;
    const onSlowAccess = (): void => {
      accesses++;
    };
    const machine = new AssignedMachine([deviceWith([bar])]);
    const assigned = machine.assign({ onSlowAccess });
    place(assigned, 0, base);
    machine.memory.read(base, 4);
    assert.equal(accesses, 0);
    assigned.mappingsEnabled = false;
    machine.memory.read(base, 4);
    machine.memory.write(base, 4, 0n);
    assert.equal(accesses, 2);
  });

  test('by the mapping where there is one, by the file elsewhere, and while the device does not decode', () => {
    const sparseAreas = [{ offset: 0n, size: 0x1000n }];
    const machine = new AssignedMachine([deviceWith([{ ...bar, sparseAreas }])]);
    const assigned = machine.assign({ slowPath: { 0: 'mapping' } });
    place(assigned, 0, base);
    assigned.mappingsEnabled = false;
    const { accesses } = machine.host.device(nic);
    accesses.length = 0;
    machine.memory.write(base + 0x10n, 8, 0x1122_3344_5566_7788n);
    assert.equal(machine.memory.read(base + 0x14n, 4).value, 0x1122_3344n);
    assert.deepEqual(accesses, []);
    machine.memory.read(base + 0x1010n, 8);
    assert.equal(accesses.length, 1);
    const slowPath = assigned.bar(0)?.slowPath;
    setCommand(assigned.function, 0);
    assert.equal(slowPath?.read(0x10n, 4), 0xffff_ffffn);
    assert.equal(slowPath.failures, 1);
  });

  test('a closed device reads as ones', () => {
    const machine = new AssignedMachine([deviceWith([{ ...bar, sparseAreas: [] }])]);
    const device = openDevice(machine.host);
    place(machine.assign({ device }), 0, base);
    device.close();
    assert.throws(() => device.read(0, 0n, 4), FlatviewError);
    assert.equal(machine.memory.read(base, 4).value, 0xffff_ffffn);
  });
});
