import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { FlatviewError } from '../../lib/index.js';
import { EventFd, Kvm, kvmCapability, realModeSegment } from '../../lib/kvm/index.js';
import { SimulatedKvm } from '../../lib/simulated/index.js';
import { noNativeAddon } from '../native-addon.js';
import { makeGuest, noKvm } from './real-mode-guest.js';

const real = { skip: noKvm };

/** Checks what an error says: code, errno, and a pattern for its message. */
function says(code: string, errno: string | undefined, pattern: RegExp) {
  return (error: unknown) => {
    assert(error instanceof FlatviewError);
    assert.equal(error.code, code);
    assert.equal(error.errno, errno);
    assert.match(error.message, pattern);
    return true;
  };
}

test('there is no such device', { skip: noNativeAddon }, () => {
  const pattern = /^open\(\/nowhere\/kvm\) failed with ENOENT: .*kvm_intel or kvm_amd/;
  assert.throws(() => Kvm.open('/nowhere/kvm'), says('ERR_SYSTEM_CALL', 'ENOENT', pattern));
});

test('it is another device', { skip: noNativeAddon }, () => {
  const pattern = /^KVM_GET_API_VERSION\(\) failed with ENOTTY: the file is something else/;
  assert.throws(() => Kvm.open('/dev/null'), says('ERR_SYSTEM_CALL', 'ENOTTY', pattern));
});

test('a descriptor of a VM that is closed, or of something else', real, () => {
  const guest = makeGuest([]);
  const { kvm, vm } = guest;
  const nothing = openSync('/dev/null', 'r');
  const kvmItself = openSync('/dev/kvm', 'r+');
  const notVm = says('ERR_SYSTEM_CALL', 'ENOTTY', /not that of a VM/);
  assert.throws(() => kvm.vmAt(nothing), notVm);
  assert.throws(() => kvm.vmAt(kvmItself), notVm);
  closeSync(nothing);
  closeSync(kvmItself);
  assert.throws(() => kvm.vmAt(nothing), says('ERR_SYSTEM_CALL', 'EBADF', /F_DUPFD/));
  assert.throws(() => kvm.vmAt(-1), says('ERR_SYSTEM_CALL', 'EBADF', /F_DUPFD/));
  assert.throws(() => kvm.vmAt(1.5), says('ERR_INVALID_ARGUMENT', undefined, /descriptor of a VM/));
  // The VM itself does, and lives as long as one of both.
  const again = kvm.vmAt(vm.fd);
  assert.notEqual(again.fd, vm.fd);
  vm.close();
  assert(again.checkExtension(10) > 0);
  again.close();
  guest.close();
});

test('a slot that is not whole pages', real, () => {
  const guest = makeGuest([]);
  const slot = { slot: 5, flags: 0, guestAddress: 0x2_0000n, size: 0x1000n };
  const hostAddress = guest.ram.memory!.hostAddress + 0x10n;
  assert.throws(
    () => guest.vm.setUserMemoryRegion({ ...slot, hostAddress }),
    says(
      'ERR_SYSTEM_CALL',
      'EINVAL',
      /^KVM_SET_USER_MEMORY_REGION\(slot 0x5, flags 0x0, guest_phys_addr 0x20000, memory_size 0x1000, userspace_addr 0x\w+010\) failed with EINVAL: .*whole pages/,
    ),
  );
  guest.close();
});

test('arguments of the wrong type or size are refused before the kernel is asked', real, () => {
  const guest = makeGuest([]);
  const slot = { slot: 5, flags: 0, guestAddress: 0n, size: 0x1000n, hostAddress: 0n };
  const invalid = (pattern: RegExp) => says('ERR_INVALID_ARGUMENT', undefined, pattern);
  const set = (wrong: object) => guest.vm.setUserMemoryRegion({ ...slot, ...wrong });
  assert.throws(() => set({ slot: -1 }), invalid(/^KVM_SET_USER_MEMORY_REGION: argument 2/));
  assert.throws(() => set({ size: 1n << 64n }), invalid(/argument 5/));
  assert.throws(() => set({ size: '1' }), invalid(/argument 5/));
  assert.throws(() => guest.vm.getDirtyLog(0, new BigUint64Array(0)), invalid(/bit for each page/));
  assert.throws(() => guest.vm.createVcpu(-1), invalid(/^KVM_CREATE_VCPU: argument 2/));
  assert.throws(() => Kvm.open(5 as unknown as string), invalid(/must be a string/));
  guest.close();
});

test('registers that do not fit', real, () => {
  const guest = makeGuest([]);
  const { vcpu } = guest;
  const range = (pattern: RegExp) => says('ERR_ADDRESS_RANGE', undefined, pattern);
  const before = vcpu.getRegisters();
  assert.throws(() => vcpu.setRegisters({ rax: -1n }), range(/^rax is -0x1/));
  assert.throws(() => vcpu.setRegisters({ rip: 1n << 64n }), range(/^rip is 0x1/));
  const cs = realModeSegment(0);
  const special = (wrong: object) => vcpu.setSpecialRegisters({ cs: { ...cs, ...wrong } });
  assert.throws(() => special({ selector: 0x1_0000 }), range(/^selector of cs is 0x10000/));
  assert.throws(() => special({ limit: -1 }), range(/^limit of cs/));
  assert.throws(() => special({ privilege: 4 }), range(/^privilege of cs/));
  assert.throws(() => special({ base: undefined }), range(/^base of cs/));
  assert.deepEqual(vcpu.getRegisters(), before);
  guest.close();
});

test('a dirty ring that cannot be leaves no VM behind', real, () => {
  using kvm = Kvm.open();
  const refused = says('ERR_SYSTEM_CALL', 'EINVAL', /^KVM_ENABLE_CAP\(cap 0xc0, args\[0\] 0x30\)/);
  assert.throws(() => kvm.createVm({ dirtyRingEntries: 3 }), refused);
});

test('an eventfd counts, and is closed once', { skip: noNativeAddon }, () => {
  const eventfd = EventFd.create();
  assert.equal(eventfd.take(), 0n);
  eventfd.signal();
  eventfd.signal();
  assert.equal(eventfd.take(), 2n);
  eventfd.close();
  eventfd.close();
  assert.throws(() => eventfd.take(), says('ERR_KVM_CLOSED', undefined, /closed/));
});

test('a dirty ring that can not be asked for', real, () => {
  using kvm = Kvm.open();
  for (const dirtyRingEntries of [0.3, Number.NaN, -1, 2 ** 28, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => kvm.createVm({ dirtyRingEntries }),
      says('ERR_INVALID_ARGUMENT', undefined, /a dirty ring of .* entries/),
    );
  }
});

test('a dirty ring that the kernel refuses', real, (t) => {
  using kvm = Kvm.open();
  if (kvm.checkExtension(kvmCapability.dirtyLogRing) === 0) return t.skip('no dirty rings');
  assert.throws(
    () => kvm.createVm({ dirtyRingEntries: 3 }),
    says('ERR_SYSTEM_CALL', 'EINVAL', /KVM_ENABLE_CAP\(.*a power of two/),
  );
  assert.throws(
    () => kvm.createVm({ dirtyRingEntries: 1 << 20 }),
    says('ERR_SYSTEM_CALL', 'E2BIG', /at most 65,536/),
  );
});

test('a dirty log where there are dirty rings', () => {
  const vm = new SimulatedKvm({ dirtyRing: true });
  const insteadOf = says('ERR_SYSTEM_CALL', 'ENXIO', /has dirty rings/);
  assert.throws(() => vm.getDirtyLog(0, new BigUint64Array(1)), insteadOf);
  assert.throws(() => vm.clearDirtyLog(0, 0n, 64, new BigUint64Array(1)), insteadOf);
  assert(vm.checkExtension(kvmCapability.dirtyLogRing) > 0);
});
