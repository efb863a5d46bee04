import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FlatviewError, MemoryTopology } from '../../lib/index.js';
import { KvmIoEventFds } from '../../lib/kvm/index.js';
import { SimulatedKvm } from '../../lib/simulated/index.js';

const ops = { read: () => 0n, write: () => undefined };

function machine(bus: 'memory' | 'ports' = 'memory') {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const space = topology.addressSpace(bus, system);
  const kvm = new SimulatedKvm();
  const listener = new KvmIoEventFds(kvm, bus);
  space.addListener(listener);
  const doorbell = topology.io('doorbell', 0x1000, ops);
  system.addSubregion(0x4000, doorbell);
  const shown = (): string[] =>
    kvm.ioEventFds.map(
      ({ address, length, fd, dataMatch }) =>
        `0x${address.toString(16)}/${length}=${dataMatch} ${fd}`,
    );
  return { topology, system, space, kvm, listener, doorbell, shown };
}

suite('ioeventfds in KVM', () => {
  test('a write signals, with the value that was asked for', () => {
    const { kvm, doorbell } = machine();
    doorbell.addIoEventFd({ address: 0n, size: 4, data: 7n, fd: 3 });
    doorbell.addIoEventFd({ address: 8n, size: 0, data: undefined, fd: 4 });
    assert.deepEqual(kvm.write(0x4000n, 4, 7n), { kind: 'ioeventfd', fd: 3 });
    assert.deepEqual(kvm.write(0x4000n, 4, 8n), { kind: 'exit' });
    assert.deepEqual(kvm.write(0x4000n, 2, 7n), { kind: 'exit' });
    assert.deepEqual(kvm.write(0x4008n, 2, 9n), { kind: 'ioeventfd', fd: 4 });
    assert.deepEqual(kvm.write(0x4000n, 4, 7n, { pio: true }), { kind: 'exit' });
  });

  test('ports are another bus', () => {
    const { kvm, doorbell } = machine('ports');
    doorbell.addIoEventFd({ address: 0n, size: 2, data: undefined, fd: 3 });
    assert.deepEqual(kvm.write(0x4000n, 2, 0n, { pio: true }), { kind: 'ioeventfd', fd: 3 });
    assert.deepEqual(kvm.write(0x4000n, 2, 0n), { kind: 'exit' });
  });

  test('it follows its region, and leaves with the listener', () => {
    const { space, listener, doorbell, shown } = machine();
    doorbell.addIoEventFd({ address: 4n, size: 4, data: undefined, fd: 3 });
    doorbell.address = 0x8000n;
    assert.deepEqual(shown(), ['0x8004/4=undefined 3']);
    space.removeListener(listener);
    assert.deepEqual(shown(), []);
  });

  test('one that takes the place of another comes after it', () => {
    const { topology, doorbell, shown } = machine();
    const first = { address: 0n, size: 4, data: undefined, fd: 9 } as const;
    doorbell.addIoEventFd(first);
    topology.transaction(() => {
      doorbell.removeIoEventFd(first);
      doorbell.addIoEventFd({ ...first, fd: 3 });
    });
    assert.deepEqual(shown(), ['0x4000/4=undefined 3']);
  });

  test('one whose middle is covered shows in two parts, and is one', () => {
    const { topology, system, doorbell, shown } = machine();
    doorbell.addIoEventFd({ address: 0n, size: 4, data: undefined, fd: 3 });
    const quirk = topology.io('quirk', 1, ops);
    system.addSubregion(0x4001, quirk, { priority: 1 });
    assert.deepEqual(shown(), ['0x4000/4=undefined 3']);
    quirk.address = 0x4000n;
    assert.deepEqual(shown(), ['0x4000/4=undefined 3']);
    quirk.size = 4n;
    assert.deepEqual(shown(), []);
  });

  test('two that match the same write: the commit fails, says why, and changes nothing', () => {
    const { doorbell, shown } = machine();
    doorbell.addIoEventFd({ address: 0n, size: 4, data: undefined, fd: 3 });
    assert.throws(
      () => doorbell.addIoEventFd({ address: 0n, size: 4, data: 1n, fd: 4 }),
      (error) => {
        assert.ok(error instanceof FlatviewError);
        assert.equal(error.errno, 'EEXIST');
        assert.equal(
          error.syscall,
          'KVM_IOEVENTFD(addr 0x4000, len 0x4, fd 0x4, datamatch 0x1, flags 0x1)',
        );
        assert.match(error.message, /another ioeventfd matches the same writes/);
        return true;
      },
    );
    assert.equal(doorbell.ioeventfds.length, 1);
    assert.deepEqual(shown(), ['0x4000/4=undefined 3']);
  });

  test('an error at any call: all are as before', () => {
    for (let call = 1; call <= 6; call++) {
      const { kvm, doorbell, shown } = machine();
      for (const i of [0, 1, 2]) {
        doorbell.addIoEventFd({ address: BigInt(i * 8), size: 4, data: undefined, fd: i });
      }
      const before = shown();
      kvm.order({ ioctl: 'KVM_IOEVENTFD', call, errno: 'ENOMEM' });
      assert.throws(
        () => {
          doorbell.address = 0x8000n;
        },
        { code: 'ERR_LISTENER_FAILED', errno: 'ENOMEM' },
      );
      assert.deepEqual([...shown()].sort(), before);
      doorbell.address = 0xc000n;
      assert.equal(shown().length, 3);
    }
  });
});
