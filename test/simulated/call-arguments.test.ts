// What the simulated kernels take is what the way to the real ones takes: the same list for both, where a real one is here.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HostMemory } from '../../lib/index.js';
import { Kvm, type KvmVm, userMemoryFlag } from '../../lib/kvm/index.js';
import { SimulatedKvm } from '../../lib/simulated/index.js';
import type { VfioDevice } from '../../lib/vfio/index.js';
import { noKvm } from '../kvm/real-mode-guest.js';
import { openOne, plainDevice } from './vfio-bench.js';

const invalid = { code: 'ERR_INVALID_ARGUMENT' };
const bits = (words: number) => new BigUint64Array(words);

/** Calls with arguments that fit no field, on a VM with a slot 0 of 65 pages at 0 with a dirty log. */
function vmCalls(hostAddress: bigint): Readonly<Record<string, (vm: KvmVm) => void>> {
  const page = { slot: 1, flags: 0, guestAddress: 0x10_0000n, size: 0x1000n, hostAddress };
  const eventFd = { address: 0n, length: 4, fd: 0, pio: false, deassign: false } as const;
  return {
    'slot 1.5': (vm) => vm.setUserMemoryRegion({ ...page, slot: 1.5 }),
    'slot -1': (vm) => vm.setUserMemoryRegion({ ...page, slot: -1 }),
    'negative guest address': (vm) => vm.setUserMemoryRegion({ ...page, guestAddress: -0x1000n }),
    'size of 65 bits': (vm) => vm.setUserMemoryRegion({ ...page, size: 1n << 64n }),
    'flags 0.5': (vm) => vm.setUserMemoryRegion({ ...page, flags: 0.5 }),
    'log of slot 0.5': (vm) => vm.getDirtyLog(0.5, bits(2)),
    'log with too few bits': (vm) => vm.getDirtyLog(0, bits(1)),
    'clear with too few bits': (vm) => vm.clearDirtyLog(0, 0n, 65, bits(1)),
    'clear from page -64 on': (vm) => vm.clearDirtyLog(0, -64n, 64, bits(1)),
    'clear half a page': (vm) => vm.clearDirtyLog(0, 0n, 0.5, bits(1)),
    'zone of size -1': (vm) => vm.registerCoalescedMmio({ address: 0n, size: -1, pio: false }),
    'zone at -1': (vm) => vm.unregisterCoalescedMmio({ address: -1n, size: 1, pio: false }),
    'ioeventfd at -1': (vm) => vm.ioEventFd({ ...eventFd, address: -1n }),
    'capability 1.5': (vm) => vm.enableCapability(1.5, 0n),
  };
}

function checkVm(vm: KvmVm, hostAddress: bigint): void {
  const flags = userMemoryFlag.logDirtyPages;
  vm.setUserMemoryRegion({ slot: 0, flags, guestAddress: 0n, size: 0x4_1000n, hostAddress });
  for (const [what, call] of Object.entries(vmCalls(hostAddress))) {
    assert.throws(() => call(vm), invalid, what);
  }
  vm.getDirtyLog(0, bits(2));
}

suite('arguments that fit no field of the kernel', () => {
  test('of the simulated KVM', () => {
    const vm = new SimulatedKvm();
    checkVm(vm, 0x7f00_0000_0000n);
    assert.deepEqual(
      vm.calls.map(({ ioctl }) => ioctl),
      ['KVM_SET_USER_MEMORY_REGION', 'KVM_GET_DIRTY_LOG'],
    );
  });

  test('of the real KVM', { skip: noKvm }, () => {
    using kvm = Kvm.open();
    using vm = kvm.createVm();
    const memory = HostMemory.allocate(0x5_0000n);
    checkVm(vm, memory.hostAddress);
    vm.close();
    memory.close();
  });

  test('of a simulated device', () => {
    const { host, device } = openOne(plainDevice(0x2000n));
    const before = host.calls.length;
    const calls: Readonly<Record<string, (device: VfioDevice) => void>> = {
      'region -1': (it) => it.regionInfo(-1),
      'region 1.5': (it) => it.regionInfo(1.5),
      'interrupt -1': (it) => it.irqInfo(-1),
      'three bytes': (it) => it.read(0, 0n, 3 as 4),
      'three bytes written': (it) => it.write(0, 0n, 0n, 3 as 4),
      'config space at -1': (it) => it.read(7, -1n, 4),
      'written at -1': (it) => it.write(7, -1n, 0n, 4),
      'mapped at -4096': (it) => it.map(0, -4096n, 4096n),
      'size of -4096': (it) => it.map(0, 0n, -4096n),
      'eventfds from -1 on': (it) => it.setIrqEventFds(0, -1, [3]),
      'eventfds of interrupt 0.5': (it) => it.setIrqEventFds(0.5, 0, []),
      'descriptor of 32 bits': (it) => it.setIrqEventFds(0, 0, [2 ** 31]),
      'masked from -1 on': (it) => it.maskIrqs(0, -1, 1, true),
      'half an interrupt': (it) => it.triggerIrqs(0, 0, 0.5),
      'no interrupt': (it) => it.triggerIrqs(0, 0, 0),
    };
    for (const [what, call] of Object.entries(calls)) {
      assert.throws(() => call(device), invalid, what);
    }
    assert.equal(host.calls.length, before);
  });
});
