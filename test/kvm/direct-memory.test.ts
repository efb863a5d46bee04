import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Recorder } from '../memory/machine.js';
import {
  buildTruncatedMemory,
  noTruncatedMemory,
  truncatedMemory,
} from '../memory/truncated-memory.js';
import { dataAddress, makeGuest, noKvm } from './real-mode-guest.js';

const real = { skip: noKvm };

// Exits to memory at 0xf0000 + offset, for which the kernel has no slot.
const dataSegment = [0xb8, 0x00, 0xf0, 0x8e, 0xd8]; //    mov ax, 0xf000; mov ds, ax
const halt = 0xf4; //                                     hlt
function store(offset: number, value: number): number[] {
  return [0xc7, 0x06, ...bytes(offset), ...bytes(value)]; // mov word [offset], value
}
function load(offset: number): number[] {
  return [0xa1, ...bytes(offset)]; //                     mov ax, [offset]
}
function bytes(word: number): [number, number] {
  return [word & 0xff, word >> 8];
}

test(
  'a piece of RAM smaller than a page is read and written without JavaScript',
  real,
  async () => {
    const guest = makeGuest([...dataSegment, ...store(0x8010, 0x1234), ...load(0x8010), halt]);
    const ram = guest.topology.ram('piece', 0x100n);
    guest.system.addSubregion(0xf_8000n, ram);
    const { kind, registers } = await guest.vcpu.run();
    assert.equal(kind, 'halt');
    assert.equal(registers.general.rax & 0xffffn, 0x1234n);
    assert.equal(ram.memory!.load(0x10n, 2), 0x1234n);
    assert.deepEqual(guest.vcpu.directAnswers, { memory: 2, unassigned: 0, failed: 0 });
    guest.close();
  },
);

test(
  'it is the view that says what is where: aliases, moves and holes, also while it runs',
  real,
  async () => {
    const guest = makeGuest([
      ...dataSegment,
      ...[0x31, 0xc0], //                   xor ax, ax
      ...load(0x8000), //                   1: mov ax, [0x8000]
      ...[0x85, 0xc0], //                   test ax, ax
      ...[0x74, 0xf9], //                   jz 1b
      halt,
    ]);
    const ram = guest.topology.ram('ram', 0x100n);
    ram.memory!.store(0x40n, 2, 0x77n);
    const window = guest.topology.alias('window', ram, { offset: 0x40n, size: 0x10n });
    const run = guest.vcpu.run();
    while (guest.vcpu.directAnswers.unassigned === 0) await setImmediate();
    guest.system.addSubregion(0xf_9000n, window);
    await setImmediate();
    window.address = 0xf_8000n;
    assert.equal((await run).registers.general.rax & 0xffffn, 0x77n);
    const { memory, unassigned } = guest.vcpu.directAnswers;
    assert.equal(memory, 1);
    assert(unassigned > 0);
    guest.close();
  },
);

test('read-only is read-only: rom, and what is shown through a read-only alias', real, async () => {
  const guest = makeGuest([...dataSegment, ...store(0x8000, 1), ...store(0x9000, 2), halt]);
  const rom = guest.topology.rom('rom', 0x100n);
  const ram = guest.topology.ram('ram', 0x100n);
  guest.system.addSubregion(0xf_8000n, rom);
  const alias = guest.topology.alias('shadow', ram);
  alias.readonly = true;
  guest.system.addSubregion(0xf_9000n, alias);
  await guest.vcpu.run();
  assert.equal(rom.memory!.load(0n, 2), 0n);
  assert.equal(ram.memory!.load(0n, 2), 0n);
  assert.deepEqual(guest.vcpu.directAnswers, { memory: 2, unassigned: 0, failed: 0 });
  guest.close();
});

test('mapped device memory is accessed in the width of the guest', real, async () => {
  const guest = makeGuest([...dataSegment, ...store(0x8002, 0xbeef), ...load(0x8002), halt]);
  const device = guest.topology.ramDevice('bar', 0x100n, { memory: guest.ram.memory! });
  guest.system.addSubregion(0xf_8000n, device);
  const { registers } = await guest.vcpu.run();
  assert.equal(registers.general.rax & 0xffffn, 0xbeefn);
  assert.equal(guest.memory.read(2n, 2).value, 0xbeefn);
  assert.equal(guest.vcpu.directAnswers.memory, 2);
  guest.close();
});

test('memory that does not answer (SIGBUS) reads as ones and takes no writes; the guest goes on', {
  skip: noKvm || noTruncatedMemory,
}, async () => {
  const code = [...dataSegment, ...store(0x9002, 0xbeef), ...load(0x9002), halt];
  const file = truncatedMemory(buildTruncatedMemory());
  for (const kind of ['ram', 'ramDevice'] as const) {
    const guest = makeGuest(code);
    guest.system.addSubregion(0xf_8000n, guest.topology[kind]('file', file.size, { memory: file }));
    const run = await guest.vcpu.run();
    assert.equal(run.kind, 'halt');
    assert.equal(run.registers.general.rax & 0xffffn, 0xffffn);
    assert.deepEqual(guest.vcpu.directAnswers, { memory: 0, unassigned: 0, failed: 2 });
    guest.close();
  }
});

test('a rom device reads as memory while it says so; writes are its own', real, async () => {
  const guest = makeGuest([
    ...dataSegment,
    ...store(0x8000, 0x20), //            the device leaves rom mode
    ...load(0x8002),
    halt,
  ]);
  const recorder = new Recorder();
  const flash = guest.topology.romDevice('flash', 0x100n, {
    read: (offset, size) => recorder.ops(0x99n).read!(offset, size, {}),
    write: (offset, value, size) => {
      recorder.ops().write!(offset, value, size, {});
      flash.romd = false;
    },
  });
  guest.system.addSubregion(0xf_8000n, flash);
  const { registers } = await guest.vcpu.run();
  assert.deepEqual(recorder.calls, ['write 0+2 20', 'read 2+2']);
  assert.equal(registers.general.rax & 0xffffn, 0x99n);
  assert.equal(guest.vcpu.directAnswers.memory, 0);

  flash.romd = true;
  flash.memory!.store(2n, 2, 0x55n);
  guest.restart();
  guest.memory.writeBytes(0x1000n, Uint8Array.from([...dataSegment, ...load(0x8002), halt]));
  assert.equal((await guest.vcpu.run()).registers.general.rax & 0xffffn, 0x55n);
  assert.equal(guest.vcpu.directAnswers.memory, 1);
  guest.close();
});

test(
  'what takes more than one access goes the long way: across a border, watched, bytes of JavaScript',
  real,
  async () => {
    const guest = makeGuest([
      ...dataSegment,
      ...store(0x80ff, 0xbbaa), //          the last byte of one piece and the first of the next
      ...store(0x8200, 1), //               watched
      ...store(0x8300, 2), //               in an array
      halt,
    ]);
    const pieces = ['first', 'second'].map((name) => guest.topology.ram(name, 0x100n));
    guest.system.addSubregion(0xf_8000n, pieces[0]!);
    guest.system.addSubregion(0xf_8100n, pieces[1]!);
    const watched = guest.topology.ram('watched', 0x100n);
    guest.system.addSubregion(0xf_8200n, watched);
    watched.setDirtyLog('vga', true);
    const array = new Uint8Array(0x100);
    guest.system.addSubregion(0xf_8300n, guest.topology.ram('array', 0x100n, { memory: array }));
    await guest.vcpu.run();
    assert.equal(pieces[0]!.memory!.load(0xffn, 1), 0xaan);
    assert.equal(pieces[1]!.memory!.load(0n, 1), 0xbbn);
    assert.equal(watched.memory!.load(0n, 2), 1n);
    assert.equal(array[0], 2);
    assert.deepEqual(guest.vcpu.directAnswers, { memory: 0, unassigned: 0, failed: 0 });
    guest.close();
  },
);

test(
  'where nothing is, the kernel of the guest hears nothing, and JavaScript neither',
  real,
  async () => {
    const guest = makeGuest([...dataSegment, ...store(0x8000, 1), ...load(0x8000), halt]);
    let rejections = 0;
    const count = () => rejections++;
    subscribe('flatview:rejected-access', count);
    const { registers } = await guest.vcpu.run();
    unsubscribe('flatview:rejected-access', count);
    assert.equal(registers.general.rax & 0xffffn, 0n);
    assert.equal(rejections, 0);
    assert.deepEqual(guest.vcpu.directAnswers, { memory: 0, unassigned: 2, failed: 0 });
    guest.close();
  },
);

test(
  'memory that is closed under a running guest reads as zeros, and nothing crashes',
  real,
  async () => {
    const guest = makeGuest([
      ...dataSegment,
      ...load(0x8000), //                   1: mov ax, [0x8000]
      ...[0xff, 0x06, 0x04, 0x80], //       inc word [0x8004]
      ...[0x85, 0xc0], //                   test ax, ax
      ...[0x75, 0xf5], //                   jnz 1b
      halt,
    ]);
    const ram = guest.topology.ram('ram', 0x100n);
    ram.memory!.store(0n, 2, 1n);
    guest.system.addSubregion(0xf_8000n, ram);
    const run = guest.vcpu.run();
    while (guest.vcpu.directAnswers.memory < 100) await setImmediate();
    ram.memory!.close();
    assert.equal((await run).kind, 'halt');
    guest.close();
  },
);

test('random commits under a running guest: it finds what is there, or nothing', real, async () => {
  const guest = makeGuest([
    ...dataSegment,
    ...load(0x8000), //                   1: mov ax, [0x8000]
    ...[0x85, 0xc0, 0x74, 0x05], //       test ax, ax; jz 2f
    ...[0x3d, 0x42, 0x42], //             cmp ax, 0x4242
    ...[0x75, 0x02], //                   jne 3f
    ...[0xeb, 0xf2], //                   2: jmp 1b
    halt, //                              3:
  ]);
  const run = guest.vcpu.run();
  for (let round = 0; round < 3000; round++) {
    const ram = guest.topology.ram(`ram ${round}`, 0x100n);
    ram.memory!.store(0x40n, 2, 0x4242n);
    const window = guest.topology.alias('window', ram, { offset: 0x40n, size: 0x10n });
    guest.system.addSubregion(0xf_8000n, window);
    guest.system.removeSubregion(window);
    window.destroy();
    ram.destroy();
    if (round % 100 === 0) await setImmediate();
  }
  guest.vcpu.stop();
  const { kind, registers } = await run;
  assert.equal(kind, 'stopped', `read ${registers.general.rax}`);
  assert.equal(guest.memory.read(dataAddress, 2).value, 0n);
  guest.close();
});
