// KVM's listeners under a running guest: what a commit changes, the guest sees.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { EventFd, KvmCoalescedMmio, KvmIoEventFds, KvmMemorySlots } from '../../lib/kvm/index.js';
import { Recorder } from '../memory/machine.js';
import { dataAddress, type Guest, makeGuest, noKvm } from './real-mode-guest.js';

const real = { skip: noKvm };

/** Slots from the flat view instead of the one that the guest was made with. */
function followView({ vm, memory }: Guest): KvmMemorySlots {
  vm.setUserMemoryRegion({ slot: 0, flags: 0, guestAddress: 0n, size: 0n, hostAddress: 0n });
  const slots = new KvmMemorySlots(vm, {
    pause: () => vm.pauseVcpus(),
    resume: () => vm.resumeVcpus(),
  });
  memory.addListener(slots);
  return slots;
}

test(
  'a BAR of RAM that moves while the guest polls it is a slot wherever it is',
  real,
  async () => {
    const guest = makeGuest([
      ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], // mov ax, 0xf000; mov ds, ax
      ...[0xa1, 0x00, 0x80], //             1: mov ax, [0x8000]
      ...[0x8b, 0x1e, 0x00, 0x90], //       mov bx, [0x9000]
      ...[0x36, 0xff, 0x06, 0x00, 0x20], // inc word ss:[0x2000]
      ...[0x09, 0xd8], //                   or ax, bx
      ...[0x3d, 0x77, 0x77], //             cmp ax, 0x7777
      ...[0x75, 0xed], //                   jne 1b
      0xf4, //                              hlt
    ]);
    guest.vcpu.setSpecialRegisters({ ss: guest.vcpu.getSpecialRegisters().cs });
    followView(guest);
    const bar = guest.topology.ram('bar', 0x1000n);
    bar.memory!.store(0n, 2, 0x1111n);
    guest.system.addSubregion(0xf_8000n, bar);
    const run = guest.vcpu.run();
    const rounds = () => guest.memory.read(dataAddress, 2).value;
    const aRound = async () => {
      for (const before = rounds(); rounds() === before; ) await setImmediate();
    };
    for (let move = 0; move < 100; move++) {
      bar.address = move % 2 === 0 ? 0xf_9000n : 0xf_8000n;
      // During the commit the guest may have exited at the old place, and got its answer from there.
      await aRound();
      await aRound();
      const settled = guest.vcpu.directAnswers.memory;
      await aRound();
      assert.equal(guest.vcpu.directAnswers.memory, settled, 'exits where a slot is');
    }
    bar.memory!.store(0n, 2, 0x7777n);
    assert.equal((await run).kind, 'halt');
    guest.close();
  },
);

test(
  'RAM that loses and regains a hole keeps every byte that a running guest writes',
  real,
  async () => {
    const guest = makeGuest([
      ...[0xff, 0x06, 0x00, 0x20], //       1: inc word [0x2000]
      ...[0xff, 0x06, 0x00, 0x50], //       inc word [0x5000]
      ...[0xa1, 0x00, 0x20], //             mov ax, [0x2000]
      ...[0x3b, 0x06, 0x00, 0x50], //       cmp ax, [0x5000]
      ...[0x74, 0xef], //                   je 1b
      0xf4, //                              hlt
    ]);
    followView(guest);
    const hole = guest.topology.io('hole', 0x1000n, {});
    const run = guest.vcpu.run();
    for (let round = 0; round < 200; round++) {
      guest.system.addSubregion(0x3000n, hole, { priority: 1 });
      await setImmediate();
      guest.system.removeSubregion(hole);
      await setImmediate();
    }
    guest.vcpu.stop();
    const { kind } = await run;
    assert.equal(kind, 'stopped');
    assert(guest.memory.read(dataAddress, 2).value > 0n);
    guest.close();
  },
);

test(
  'an ioeventfd counts the writes that it matches, and no exit is made of them',
  real,
  async () => {
    const guest = makeGuest([
      ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], // mov ax, 0xf000; mov ds, ax
      ...[0xc7, 0x06, 0x10, 0x80, 5, 0], // mov word [0x8010], 5
      ...[0xc7, 0x06, 0x10, 0x80, 6, 0], // mov word [0x8010], 6    (does not match)
      ...[0xc7, 0x06, 0x10, 0x80, 5, 0], // mov word [0x8010], 5
      ...[0xe6, 0x80], //                   out 0x80, al
      0xf4, //                              hlt
    ]);
    using doorbell = EventFd.create();
    using port = EventFd.create();
    guest.memory.addListener(new KvmIoEventFds(guest.vm, 'memory'));
    guest.ports.addListener(new KvmIoEventFds(guest.vm, 'ports'));
    const recorder = new Recorder();
    const device = guest.device('device', 0xf_8000n, 0x100n, recorder.ops());
    device.addIoEventFd({ address: 0x10n, size: 2, data: 5n, fd: doorbell.fd });
    const ports = guest.portDevice('port', 0x80, 1, recorder.ops());
    ports.addIoEventFd({ address: 0n, size: 1, data: undefined, fd: port.fd });
    assert.equal((await guest.vcpu.run()).kind, 'halt');
    assert.equal(doorbell.take(), 2n);
    assert.equal(port.take(), 1n);
    assert.deepEqual(recorder.calls, ['write 10+2 6']);
    guest.close();
  },
);

test('a coalesced range of a region is gathered where the view shows it', real, async () => {
  const guest = makeGuest([
    ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], // mov ax, 0xf000; mov ds, ax
    ...[0xa3, 0x00, 0x80], //             mov [0x8000], ax        (gathered)
    ...[0xa3, 0x40, 0x80], //             mov [0x8040], ax        (not)
    ...[0xa3, 0x02, 0x80], //             mov [0x8002], ax        (gathered)
    0xf4, //                              hlt
  ]);
  guest.memory.addListener(new KvmCoalescedMmio(guest.vm, 'memory'));
  const recorder = new Recorder();
  const device = guest.device('device', 0xf_8000n, 0x100n, recorder.ops());
  device.addCoalescedRange(0n, 0x40n);
  await guest.vcpu.run();
  assert.deepEqual(recorder.calls, ['write 0+2 f000', 'write 40+2 f000', 'write 2+2 f000']);
  assert.equal(guest.vcpu.statistics().get('mmio_exits'), 1n);
  guest.close();
});
