import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FlatviewError, type MemoryListener } from '../../lib/index.js';
import { KvmMemorySlots } from '../../lib/kvm/index.js';
import type { SimulatedKvm } from '../../lib/simulated/index.js';
import { guest } from './guest.js';

/** What the guest finds in the first 3 MiB. */
function read(kvm: SimulatedKvm): string[] {
  return Array.from({ length: 0x300 }, (_, i) => {
    const access = kvm.read(BigInt(i) * 0x1000n);
    return access.kind === 'memory' ? access.hostAddress.toString(16) : access.kind;
  });
}

const SET = 'KVM_SET_USER_MEMORY_REGION';

suite('All or nothing: one error', () => {
  test('says which ioctl, its arguments, the errno and the likely cause', () => {
    const { ram, kvm } = guest();
    kvm.order({ ioctl: SET, call: 1, errno: 'ENOMEM' });
    assert.throws(
      () => ram('pc.ram', 0x4000, 0x10000),
      (error) => {
        assert.ok(error instanceof FlatviewError);
        assert.equal(error.listener, 'KvmMemorySlots');
        assert.equal(error.errno, 'ENOMEM');
        assert.match(
          error.syscall ?? '',
          /^KVM_SET_USER_MEMORY_REGION\(slot 0x0, flags 0x0, guest_phys_addr 0x10000, memory_size 0x4000, userspace_addr 0x[0-9a-f]+\)$/,
        );
        assert.match(error.message, /the kernel has no memory for its tables/);
        return true;
      },
    );
    assert.deepEqual(kvm.slots, []);
  });

  test('what was done before it is undone in reverse order', () => {
    const { ram, io, kvm, ioctls } = guest();
    ram('pc.ram', 0x10000, 0);
    ioctls();
    kvm.order({ ioctl: SET, call: 3, errno: 'ENOMEM' });
    assert.throws(() => io('hole', 0x1000, 0x4000, 1), { code: 'ERR_LISTENER_FAILED' });
    assert.deepEqual(ioctls(), [
      'del 0',
      'set 0 0x0+0x4000',
      'set 1 0x5000+0xb000 ENOMEM',
      'del 0',
      'set 0 0x0+0x10000',
    ]);
  });

  test('a failing probe of the address space fails the listener, not the machine', () => {
    const { kvm } = guest();
    kvm.order({ ioctl: SET, call: 1, errno: 'EBADF' });
    assert.throws(() => new KvmMemorySlots(kvm), { code: 'ERR_SYSTEM_CALL', errno: 'EBADF' });
  });
});

suite('All or nothing: another listener fails', () => {
  test('the guest finds what it found before, and each page is mapped', () => {
    for (const priority of [0, 20]) {
      const { memory, ram, io, kvm, slots } = guest();
      ram('pc.ram', 0x10000, 0);
      const bar = ram('bar', 0x4000, 0x100000);
      const hole = io('hole', 0x1000, 0x4000, 1);
      hole.enabled = false;
      let fails = false;
      const saboteur: MemoryListener = {
        priority,
        commit: () => {
          if (fails) throw new Error('no');
        },
      };
      memory.addListener(saboteur);
      fails = true;
      for (const change of [
        () => (hole.enabled = true),
        () => (hole.size = 0x2000n),
        () => (bar.address = 0x200000n),
        () => (bar.readonly = true),
        () => (bar.enabled = false),
        () => bar.setDirtyLog('vga', true),
      ]) {
        const before = read(kvm);
        assert.throws(change, /no/);
        assert.deepEqual(read(kvm), before);
        assert.equal(slots.slots.length, kvm.slots.length);
      }
    }
  });
});

suite('All or nothing: undoing fails as well', () => {
  test('the error says so; the next commit repairs it, wherever it changes something', () => {
    const { memory, ram, io, kvm, slots } = guest();
    ram('pc.ram', 0x10000, 0);
    const uart = io('uart', 8, 0x80000);
    const before = read(kvm);
    // The third call fails, and so does the first one that undoes: a slot stays that is not wanted.
    kvm.order({ ioctl: SET, call: 3, errno: 'ENOMEM' });
    kvm.order({ ioctl: SET, call: 4, errno: 'EIO' });
    assert.throws(
      () => io('hole', 0x1000, 0x4000, 1),
      (error) => {
        assert.ok(error instanceof FlatviewError && error.cause instanceof FlatviewError);
        assert.equal(error.errno, 'ENOMEM');
        assert.equal(error.cause.undoFailures?.length, 2);
        return true;
      },
    );
    assert.notDeepEqual(read(kvm), before);
    assert.equal(slots.slots.length, kvm.slots.length);
    assert.equal(slots.verdictAt(0x3000n, memory)?.mapped, true);
    assert.equal(slots.verdictAt(0x8000n, memory)?.code, 'errno');
    uart.address = 0x90000n;
    assert.deepEqual(read(kvm), before);
    assert.equal(slots.slots.length, kvm.slots.length);
  });
});
