import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { kvmCapability } from '../../lib/kvm/index.js';
import { SimulatedKvm } from '../../lib/simulated/index.js';

const page = { slot: 0, flags: 0, guestAddress: 0x1000n, size: 0x1000n, hostAddress: 0x5000n };

suite('the simulated VM', () => {
  test('an access goes to memory, an eventfd, the ring, or out', () => {
    const vm = new SimulatedKvm();
    vm.setUserMemoryRegion(page);
    vm.setUserMemoryRegion({ ...page, slot: 1, flags: 2, guestAddress: 0x2000n });
    const eventFd = { address: 0x2000n, length: 4, fd: 7, pio: false, deassign: false } as const;
    vm.ioEventFd(eventFd);
    vm.registerCoalescedMmio({ address: 0x2000n, size: 0x10, pio: false });
    assert.deepEqual(vm.read(0x1008n), { kind: 'memory', slot: 0, hostAddress: 0x5008n });
    assert.deepEqual(vm.write(0x1008n, 4, 0n), { kind: 'memory', slot: 0, hostAddress: 0x5008n });
    assert.deepEqual(vm.read(0x2000n), { kind: 'memory', slot: 1, hostAddress: 0x5000n });
    assert.deepEqual(vm.write(0x2000n, 4, 0n), { kind: 'ioeventfd', fd: 7 });
    assert.deepEqual(vm.write(0x2008n, 4, 0n), { kind: 'coalesced' });
    assert.deepEqual(vm.write(0x200en, 4, 0n), { kind: 'exit' });
    assert.deepEqual(vm.read(0x1008n, { pio: true }), { kind: 'exit' });
    assert.deepEqual(vm.read(0x1008n, { addressSpaceId: 1 }), { kind: 'exit' });
  });

  test('a failure that is ordered happens at that call of that ioctl, once, and has no effect', () => {
    const vm = new SimulatedKvm();
    vm.order({ ioctl: 'KVM_SET_USER_MEMORY_REGION', call: 2, errno: 'ENOMEM' });
    vm.setUserMemoryRegion(page);
    vm.registerCoalescedMmio({ address: 0n, size: 1, pio: false });
    const next = { ...page, slot: 1, guestAddress: 0x8000n };
    assert.throws(() => vm.setUserMemoryRegion(next), { code: 'ERR_SYSTEM_CALL', errno: 'ENOMEM' });
    assert.equal(vm.slots.length, 1);
    vm.setUserMemoryRegion(next);
    assert.deepEqual(
      vm.calls.map(({ ioctl, errno }) => [ioctl, errno]),
      [
        ['KVM_SET_USER_MEMORY_REGION', undefined],
        ['KVM_REGISTER_COALESCED_MMIO', undefined],
        ['KVM_SET_USER_MEMORY_REGION', 'ENOMEM'],
        ['KVM_SET_USER_MEMORY_REGION', undefined],
      ],
    );
  });

  test('it can be an old kernel, or another machine', () => {
    const vm = new SimulatedKvm({ readonlyMem: false, guestMemfd: false, guestAddressBits: 36 });
    assert.equal(vm.checkExtension(kvmCapability.readonlyMem), 0);
    assert.throws(() => vm.setUserMemoryRegion({ ...page, flags: 2 }), { errno: 'EINVAL' });
    assert.throws(() => vm.setUserMemoryRegion({ ...page, guestMemfd: { fd: 3, offset: 0n } }), {
      errno: 'EINVAL',
      syscall: /^KVM_SET_USER_MEMORY_REGION2\(.*flags 0x4/,
    });
    assert.throws(() => vm.setUserMemoryRegion({ ...page, guestAddress: 1n << 36n }), {
      errno: 'EINVAL',
    });
    const large = new SimulatedKvm({ pageSize: 0x10000n });
    assert.throws(() => large.setUserMemoryRegion(page), { errno: 'EINVAL' });
  });
});
