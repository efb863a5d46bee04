import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlatviewError } from '../../lib/index.js';
import { flatCodeSegment, flatDataSegment, kvmCapability, type Vcpu } from '../../lib/kvm/index.js';
import { Recorder } from '../memory/machine.js';
import { codeAddress, dataAddress, type Guest, makeGuest, noKvm } from './real-mode-guest.js';

const real = { skip: noKvm };

/**
 * A program of 64 bits, whose pages are the first 2 MiB of memory: what the processor runs itself also where a kernel
 * emulates all other modes, in which memory that can't be reached is taken for a device.
 */
function enterUserMode({ memory, vcpu }: Guest): void {
  const [present, writable, user, large] = [1n, 2n, 4n, 0x80n];
  memory.write(0x3000, 8, 0x4000n | present | writable | user);
  memory.write(0x4000, 8, 0x5000n | present | writable | user);
  memory.write(0x5000, 8, present | writable | user | large);
  const data = { ...flatDataSegment(0x23), privilege: 3 };
  const cs = { ...flatCodeSegment(0x1b), privilege: 3, is32Bit: false, is64Bit: true };
  const [longMode, longModeActive, pae, paging] = [0x100n, 0x400n, 0x20n, 0x8000_0001n];
  const { cr0 } = vcpu.getSpecialRegisters();
  const control = { cr0: cr0 | paging, cr3: 0x3000n, cr4: pae, efer: longMode | longModeActive };
  vcpu.setSpecialRegisters({ cs, ds: data, es: data, ss: data, ...control });
}

/** Flat segments of 32 bits. */
function enterProtectedMode(vcpu: Vcpu): void {
  const cs = flatCodeSegment(8);
  const data = flatDataSegment(0x10);
  const { cr0 } = vcpu.getSpecialRegisters();
  vcpu.setSpecialRegisters({ cs, ds: data, es: data, ss: data, cr0: cr0 | 1n });
}

test('a guest computes in RAM, and halts', real, async () => {
  const guest = makeGuest([
    ...[0xb8, 0x34, 0x12], //             mov ax, 0x1234
    ...[0x05, 0x11, 0x11], //             add ax, 0x1111
    ...[0xa3, 0x00, 0x20], //             mov [0x2000], ax
    0xf4, //                              hlt
  ]);
  const { kind, registers } = await guest.vcpu.run();
  assert.equal(kind, 'halt');
  assert.equal(registers.general.rax & 0xffffn, 0x2345n);
  assert.equal(registers.general.rip, codeAddress + 10n);
  assert.equal(guest.memory.read(dataAddress, 2).value, 0x2345n);
  guest.close();
});

test('port accesses of each width are calls of the region, with its rules', real, async () => {
  const guest = makeGuest([
    ...[0xba, 0xf8, 0x03], //             mov dx, 0x3f8
    ...[0xb0, 0x41, 0xee], //             mov al, 'A'; out dx, al
    ...[0xb8, 0x22, 0x11, 0xef], //       mov ax, 0x1122; out dx, ax
    ...[0x66, 0xed], //                   in eax, dx
    ...[0x66, 0xa3, 0x00, 0x20], //       mov [0x2000], eax
    0xf4, //                              hlt
  ]);
  const recorder = new Recorder();
  guest.portDevice('uart', 0x3f8, 8, recorder.ops(0xa0n, { implementation: { maxSize: 2 } }));
  assert.equal((await guest.vcpu.run()).kind, 'halt');
  // The read of 4 bytes is split by what the device implements.
  const writes = ['write 0+1 41', 'write 0+2 1122'];
  assert.deepEqual(recorder.calls, [...writes, 'read 0+2', 'read 2+2']);
  assert.equal(guest.memory.read(dataAddress, 4).value, 0x00a0_00a0n);
  guest.close();
});

test('a string instruction makes one exit, and all its accesses in order', real, async () => {
  const guest = makeGuest([
    ...[0xbe, 0x00, 0x20], //             mov si, 0x2000
    ...[0xba, 0x80, 0x00], //             mov dx, 0x80
    ...[0xb9, 0x05, 0x00], //             mov cx, 5
    ...[0xfc, 0xf3, 0x6e], //             cld; rep outsb
    ...[0xbf, 0x00, 0x30], //             mov di, 0x3000
    ...[0xb9, 0x03, 0x00], //             mov cx, 3
    ...[0xf3, 0x6d], //                   rep insw
    0xf4, //                              hlt
  ]);
  guest.memory.writeBytes(dataAddress, Buffer.from('hello'));
  let text = '';
  let count = 0n;
  guest.portDevice('log', 0x80, 2, {
    read: () => 0x100n + count++,
    write: (_offset, value) => {
      text += String.fromCharCode(Number(value));
    },
  });
  assert.equal((await guest.vcpu.run()).kind, 'halt');
  assert.equal(text, 'hello');
  const bytes = new Uint8Array(6);
  guest.memory.readBytes(0x3000n, bytes);
  assert.deepEqual([...bytes], [0, 1, 1, 1, 2, 1]);
  guest.close();
});

test('accesses to devices in memory have their widths and values', real, async () => {
  const guest = makeGuest([
    ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], // mov ax, 0xf000; mov ds, ax
    ...[0xc6, 0x06, 0x00, 0x80, 0x5a], // mov byte [0x8000], 0x5a
    ...[0xc7, 0x06, 0x02, 0x80, 0x34, 0x12], //           mov word [0x8002], 0x1234
    ...[0x66, 0xc7, 0x06, 0x04, 0x80, 0x78, 0x56, 0x34, 0x12], // mov dword [0x8004], 0x12345678
    ...[0x66, 0xa1, 0x08, 0x80], //       mov eax, [0x8008]
    0xf4, //                              hlt
  ]);
  const recorder = new Recorder();
  guest.device('device', 0xf_8000n, 16n, recorder.ops(0xcafe_f00dn));
  const { registers } = await guest.vcpu.run();
  const writes = ['write 0+1 5a', 'write 2+2 1234', 'write 4+4 12345678'];
  assert.deepEqual(recorder.calls, [...writes, 'read 8+4']);
  assert.equal(registers.general.rax, 0xcafe_f00dn);
  guest.close();
});

test('a device in big-endian order gets its own order', real, async () => {
  const guest = makeGuest([
    ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], // mov ax, 0xf000; mov ds, ax
    ...[0x66, 0xc7, 0x06, 0x00, 0x80, 0x78, 0x56, 0x34, 0x12], // mov dword [0x8000], 0x12345678
    ...[0xa1, 0x04, 0x80], //             mov ax, [0x8004]
    0xf4, //                              hlt
  ]);
  const recorder = new Recorder();
  guest.device('device', 0xf_8000n, 8n, recorder.ops(0x1234n, { endianness: 'big' }));
  const { registers } = await guest.vcpu.run();
  assert.equal(recorder.calls[0], 'write 0+4 78563412');
  assert.equal(registers.general.rax & 0xffffn, 0x3412n);
  guest.close();
});

test('where nobody answers memory reads as 0 and ports as ones, as in QEMU', real, async () => {
  const guest = makeGuest([
    ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], // mov ax, 0xf000; mov ds, ax
    ...[0x66, 0xa1, 0x00, 0x80], //       mov eax, [0x8000]
    ...[0x66, 0xa3, 0x00, 0x80], //       mov [0x8000], eax
    ...[0x66, 0x89, 0xc3], //             mov ebx, eax
    ...[0xe5, 0x99], //                   in ax, 0x99
    0xf4, //                              hlt
  ]);
  const { kind, registers } = await guest.vcpu.run();
  assert.equal(kind, 'halt');
  assert.equal(registers.general.rbx & 0xffff_ffffn, 0n);
  assert.equal(registers.general.rax & 0xffffn, 0xffffn);
  guest.close();
});

test('protected mode: segments and control registers as objects', real, async () => {
  const guest = makeGuest([
    ...[0xb8, 0xef, 0xbe, 0xad, 0xde], // mov eax, 0xdeadbeef     (32 bits)
    ...[0xa3, 0x00, 0x20, 0x00, 0x00], // mov [0x2000], eax
    0xf4, //                              hlt
  ]);
  enterProtectedMode(guest.vcpu);
  const { kind, registers } = await guest.vcpu.run();
  assert.equal(kind, 'halt');
  assert.equal(registers.general.rax, 0xdead_beefn);
  assert.equal(registers.special.cs.is32Bit, true);
  assert.deepEqual(registers.special.ds, flatDataSegment(0x10));
  assert.equal(guest.memory.read(dataAddress, 4).value, 0xdead_beefn);
  guest.close();
});

test('registers: those that are given change, and no others', real, () => {
  const guest = makeGuest([]);
  const before = guest.vcpu.getRegisters();
  guest.vcpu.setRegisters({ r15: 0xffff_ffff_ffff_ffffn, rbx: 7n });
  const after = guest.vcpu.getRegisters();
  assert.deepEqual(after, { ...before, r15: 0xffff_ffff_ffff_ffffn, rbx: 7n });
  const special = guest.vcpu.getSpecialRegisters();
  guest.vcpu.setSpecialRegisters({ gdt: { base: 0x3000n, limit: 0x17 } });
  assert.deepEqual(guest.vcpu.getSpecialRegisters(), {
    ...special,
    gdt: { base: 0x3000n, limit: 0x17 },
  });
  guest.close();
});

test('the kernel counts exits', real, async () => {
  const guest = makeGuest([
    ...[0xe6, 0x80, 0xe6, 0x80], //       out 0x80, al (twice)
    ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], // mov ax, 0xf000; mov ds, ax
    ...[0xa3, 0x00, 0x80], //             mov [0x8000], ax
    0xf4, //                              hlt
  ]);
  await guest.vcpu.run();
  const statistics = guest.vcpu.statistics();
  // Where the kernel emulates real mode it counts accesses to ports as `exits` only.
  assert(statistics.get('exits')! >= 4n);
  assert.equal(statistics.get('mmio_exits'), 1n);
  assert.equal(statistics.get('halt_exits'), 1n);
  guest.close();
});

test('a triple fault is a shutdown', real, async () => {
  const guest = makeGuest([
    ...[0x0f, 0x0b], //                   ud2
  ]);
  enterProtectedMode(guest.vcpu);
  // No handler for the fault, none for that, and none for that.
  guest.vcpu.setSpecialRegisters({ idt: { base: 0n, limit: 0 } });
  const event = await guest.vcpu.run();
  assert.equal(event.kind, 'shutdown');
  // AMD's processors leave nothing of the guest: there KVM resets the vCPU.
  assert.ok([0, 0xffff].includes(event.registers.special.idt.limit));
  guest.close();
});

test('code where no memory is, is an internal error with the registers', real, async () => {
  const guest = makeGuest([
    ...[0xea, 0x00, 0x80, 0x00, 0xf0], // jmp 0xf000:0x8000
  ]);
  const event = await guest.vcpu.run();
  assert(event.kind === 'internal-error', event.kind);
  assert.equal(event.suberror, 1);
  assert.equal(event.registers.special.cs.base, 0xf_0000n);
  assert.equal(event.registers.general.rip, 0x8000n);
  guest.close();
});

test('memory that is unmapped under the VM is an event, not a crash', real, async () => {
  const guest = makeGuest([
    ...[0xa1, 0x10, 0x00, 0x02, 0x00, 0, 0, 0, 0], // mov eax, [0x20010]    (32 or 64 bits)
  ]);
  try {
    enterUserMode(guest);
  } catch {
    // Some kernels, such as 6.12.117, let a vCPU into 64 bits only if its CPUID has them (kvm_is_valid_sregs in arch/x86/kvm/regs.c).
    enterProtectedMode(guest.vcpu);
  }
  const lost = guest.topology.ram('lost', 0x1000n);
  guest.vm.setUserMemoryRegion({
    slot: 1,
    flags: 0,
    guestAddress: 0x2_0000n,
    size: 0x1000n,
    hostAddress: lost.memory!.hostAddress,
  });
  lost.memory!.close();
  const event = await guest.vcpu.run();
  assert(event.kind === 'memory-fault', event.kind);
  assert.equal(event.error.errno, 'EFAULT');
  assert.match(event.error.message, /KVM_RUN\(vCPU 0\) failed with EFAULT: .*unmapped/);
  assert.equal(event.registers.general.rip, codeAddress);
  if (event.fault !== undefined) assert.equal(event.fault.address, 0x2_0000n);
  guest.close();
});

test('registers that the processor refuses', real, async () => {
  const guest = makeGuest([0xf4]);
  const { vcpu } = guest;
  // Paging without protection.
  const { cr0 } = vcpu.getSpecialRegisters();
  assert.throws(
    () => vcpu.setSpecialRegisters({ cr0: cr0 | 0x8000_0000n }),
    (error: FlatviewError) => error.code === 'ERR_SYSTEM_CALL' && error.errno === 'EINVAL',
  );
  assert.equal((await vcpu.run()).kind, 'halt');
  guest.close();
});

test('a callback that throws stops the vCPU and rejects the run; it can go on', real, async () => {
  const guest = makeGuest([
    ...[0xe4, 0x80], //                   in al, 0x80
    ...[0xe4, 0x81], //                   in al, 0x81
    0xf4, //                              hlt
  ]);
  guest.portDevice('broken', 0x80, 1, {
    read: () => {
      throw new RangeError('broken');
    },
  });
  guest.portDevice('sound', 0x81, 1, { read: () => 0x77 });
  await assert.rejects(guest.vcpu.run(), new RangeError('broken'));
  assert.equal(guest.vcpu.isRunning, false);
  const { kind, registers } = await guest.vcpu.run();
  assert.equal(kind, 'halt');
  assert.equal(registers.general.rax & 0xffn, 0x77n);
  guest.close();
});

test('after a halt the guest goes on behind it', real, async () => {
  const guest = makeGuest([
    0xf4, //                              hlt
    ...[0xb0, 0x01], //                   mov al, 1
    0xf4, //                              hlt
  ]);
  assert.equal((await guest.vcpu.run()).registers.general.rip, codeAddress + 1n);
  assert.equal((await guest.vcpu.run()).registers.general.rip, codeAddress + 4n);
  guest.close();
});

test('writes to a coalesced zone are gathered, and made before the next exit', real, async (t) => {
  const guest = makeGuest([
    ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], // mov ax, 0xf000; mov ds, ax
    ...[0xb9, 0x05, 0x00], //             mov cx, 5
    ...[0x89, 0x0e, 0x00, 0x80], //       1: mov [0x8000], cx
    ...[0xe2, 0xfa], //                   loop 1b
    ...[0xe6, 0x80], //                   out 0x80, al
    0xf4, //                              hlt
  ]);
  if (guest.vm.checkExtension(kvmCapability.coalescedMmio) === 0)
    return t.skip('no coalesced MMIO');
  const recorder = new Recorder();
  guest.device('screen', 0xf_8000n, 0x1000n, recorder.ops());
  guest.portDevice('mark', 0x80, 1, recorder.ops());
  guest.vm.registerCoalescedMmio({ address: 0xf_8000n, size: 0x1000, pio: false });
  await guest.vcpu.run();
  const writes = [5, 4, 3, 2, 1].map((value) => `write 0+2 ${value}`);
  assert.deepEqual(recorder.calls, [...writes, 'write 0+1 0']);
  assert.equal(guest.vcpu.statistics().get('mmio_exits'), 0n);
  guest.close();
});

test('more coalesced writes than the ring holds come in order, too', real, async (t) => {
  const guest = makeGuest([
    ...[0xb8, 0x00, 0xf0, 0x8e, 0xd8], // mov ax, 0xf000; mov ds, ax
    ...[0xb9, 0x00, 0x04], //             mov cx, 1024
    ...[0x89, 0x0e, 0x00, 0x80], //       1: mov [0x8000], cx
    ...[0xe2, 0xfa], //                   loop 1b
    0xf4, //                              hlt
  ]);
  if (guest.vm.checkExtension(kvmCapability.coalescedMmio) === 0)
    return t.skip('no coalesced MMIO');
  const values: number[] = [];
  guest.device('screen', 0xf_8000n, 0x1000n, {
    write: (_offset, value) => {
      values.push(Number(value));
    },
  });
  guest.vm.registerCoalescedMmio({ address: 0xf_8000n, size: 0x1000, pio: false });
  await guest.vcpu.run();
  assert.deepEqual(
    values,
    Array.from({ length: 1024 }, (_, index) => 1024 - index),
  );
  const exits = guest.vcpu.statistics().get('mmio_exits')!;
  assert(exits > 0n && exits < 20n, `${exits} exits`);
  guest.close();
});
