import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { FlatviewError } from '../../lib/index.js';
import { addon } from '../../lib/native/addon.js';
import { codeAddress, dataAddress, makeGuest, noKvm } from './real-mode-guest.js';

const real = { skip: noKvm };

// A guest that never exits.
const endless = [
  ...[0xff, 0x06, 0x00, 0x20], //         1: inc word [0x2000]
  ...[0xeb, 0xfa], //                     jmp 1b
];

// A guest that exits for ever.
const chatty = [
  ...[0xe4, 0x80], //                     1: in al, 0x80
  ...[0xeb, 0xfc], //                     jmp 1b
];

function code(expected: string): (error: FlatviewError) => boolean {
  return (error) => error.code === expected;
}

test('the event loop goes on while a guest runs, and stops it', real, async () => {
  const guest = makeGuest(endless);
  const run = guest.vcpu.run();
  assert.equal(guest.vcpu.isRunning, true);
  while (guest.memory.read(dataAddress, 2).value === 0n) await setImmediate();
  guest.vcpu.stop();
  const { kind, registers } = await run;
  assert.equal(kind, 'stopped');
  assert(registers.general.rip - codeAddress < 6n);
  assert.equal(guest.vcpu.isRunning, false);
  guest.close();
});

test('a stopped guest goes on where it was, as often as it likes', real, async () => {
  const guest = makeGuest([
    ...[0xff, 0x06, 0x00, 0x20], //       1: inc word [0x2000]
    ...[0xe4, 0x80], //                   in al, 0x80
    ...[0xeb, 0xf8], //                   jmp 1b
  ]);
  let exits = 0n;
  guest.portDevice('counter', 0x80, 1, {
    read: () => {
      exits++;
      if (exits % 10n === 0n) guest.vcpu.stop();
      return 0;
    },
  });
  for (let run = 1n; run <= 20n; run++) {
    const { kind, registers } = await guest.vcpu.run();
    assert.equal(kind, 'stopped');
    assert.equal(exits, run * 10n);
    // The access that was being answered is complete, and nothing was done twice.
    assert.equal(guest.memory.read(dataAddress, 2).value, exits);
    assert.equal(registers.general.rip, codeAddress + 6n);
  }
  guest.close();
});

test('a stop that comes too late is forgotten', real, async () => {
  const guest = makeGuest([
    ...[0xe6, 0x80], //                   out 0x80, al
    0xf4, //                              hlt
  ]);
  guest.vcpu.stop();
  assert.equal((await guest.vcpu.run()).kind, 'halt');
  guest.close();
});

test('a paused guest stands still, and then goes on', real, async () => {
  const guest = makeGuest(endless);
  const run = guest.vcpu.run();
  const counter = () => guest.memory.read(dataAddress, 2).value;
  while (counter() === 0n) await setImmediate();
  for (let round = 0; round < 50; round++) {
    guest.vm.pauseVcpus();
    guest.vm.pauseVcpus();
    const stood = counter();
    guest.vm.resumeVcpus();
    await setTimeout(1);
    assert.equal(counter(), stood);
    guest.vm.resumeVcpus();
    while (counter() === stood) await setImmediate();
  }
  guest.vcpu.stop();
  assert.equal((await run).kind, 'stopped');
  guest.close();
});

test('a vCPU that is made during a pause is paused, too', real, async () => {
  const guest = makeGuest(endless);
  guest.vm.pauseVcpus();
  const second = guest.vm.createVcpu(1);
  second.setSpecialRegisters({ cs: guest.vcpu.getSpecialRegisters().cs });
  second.setRegisters({ rip: codeAddress, rflags: 2n });
  const run = second.run();
  await setTimeout(5);
  assert.equal(guest.memory.read(dataAddress, 2).value, 0n);
  guest.vm.resumeVcpus();
  guest.vm.resumeVcpus();
  while (guest.memory.read(dataAddress, 2).value === 0n) await setImmediate();
  second.stop();
  assert.equal((await run).kind, 'stopped');
  guest.close();
});

test('registers of a running guest can be read, and memory slots changed', real, async () => {
  const guest = makeGuest(endless);
  const run = guest.vcpu.run();
  for (let round = 0; round < 100; round++) {
    assert(guest.vcpu.getRegisters().rip - codeAddress < 6n);
    guest.vcpu.setRegisters({ rbx: BigInt(round) });
  }
  guest.vcpu.stop();
  assert.equal((await run).registers.general.rbx, 99n);
  guest.close();
});

test('a pause within a callback, while its own vCPU waits for the answer', real, async () => {
  const guest = makeGuest([
    ...[0xe4, 0x80], //                   in al, 0x80
    0xf4, //                              hlt
  ]);
  guest.portDevice('pausing', 0x80, 1, {
    read: () => {
      guest.vm.pauseVcpus();
      guest.vm.resumeVcpus();
      return 5;
    },
  });
  assert.equal((await guest.vcpu.run()).registers.general.rax & 0xffn, 5n);
  guest.close();
});

test('closing a running vCPU ends its run', real, async () => {
  const guest = makeGuest(endless);
  const run = guest.vcpu.run();
  guest.vcpu.close();
  assert.equal((await run).kind, 'stopped');
  assert.throws(() => guest.vcpu.getRegisters(), code('ERR_KVM_CLOSED'));
  assert.deepEqual(guest.vm.vcpus, []);
  guest.close();
});

test('closing the VM ends all runs; whatever is closed first', real, async () => {
  for (const order of [
    ['kvm', 'vm', 'topology'],
    ['topology', 'kvm', 'vm'],
    ['vm', 'kvm'],
  ] as const) {
    const guest = makeGuest(chatty);
    const ends = guest.vcpu.run().then(
      ({ kind }) => kind,
      (error: FlatviewError) => error.code,
    );
    await setImmediate();
    for (const part of order) guest[part].close();
    assert.match(await ends, /^(stopped|ERR_TOPOLOGY_CLOSED)$/);
    guest.close();
  }
});

test('a callback that closes its own vCPU', real, async () => {
  const guest = makeGuest(chatty);
  guest.portDevice('off', 0x80, 1, {
    read: () => {
      guest.vcpu.close();
      return 0;
    },
  });
  assert.equal((await guest.vcpu.run()).kind, 'stopped');
  guest.close();
});

test('misuse is refused: two runs at a time, the main thread, closed objects', real, async () => {
  const guest = makeGuest(endless);
  const run = guest.vcpu.run();
  assert.throws(() => guest.vcpu.run(), code('ERR_VCPU_RUNNING'));
  assert.throws(() => guest.vcpu.runHere(), code('ERR_MAIN_THREAD'));
  guest.vcpu.stop();
  await run;
  assert.throws(
    () => guest.vm.createVcpu(0),
    ({ errno, message }: FlatviewError) => errno === 'EEXIST' && /KVM_CREATE_VCPU/.test(message),
  );
  guest.vm.close();
  guest.vm.close();
  assert.throws(() => guest.vm.createVcpu(1), code('ERR_KVM_CLOSED'));
  assert.throws(() => guest.vm.fd, code('ERR_KVM_CLOSED'));
  guest.close();
  assert.throws(() => guest.kvm.createVm(), code('ERR_KVM_CLOSED'));
});

test('forged handles are refused by the addon, whatever they are', real, () => {
  const guest = makeGuest(endless);
  for (const handle of [0, 1, 2 ** 22 + 5, 2 ** 32 - 1]) {
    for (const [name, call] of Object.entries(addon)) {
      if (!/^kvm(Vm|Vcpu|CreateV|Check|Close)/.test(name)) continue;
      assert.throws(() => call(handle, 0, 0, 0, 0, 0, 0, 0), { name: /^(Range|Type)Error$/ }, name);
    }
  }
  const vcpu = 2 ** 22;
  assert.throws(() => addon.kvmVcpuGetRegisters(vcpu, 0, new Uint8Array(143)), RangeError);
  assert.throws(() => addon.kvmVcpuSetRegisters(vcpu, 2, new Uint8Array(144)), RangeError);
  assert.throws(() => addon.kvmVmGetDirtyLog(vcpu, 0, new Uint8Array(1)), RangeError);
  assert.throws(() => addon.kvmVmClearDirtyLog(vcpu, 0, 0n, 640, new Uint8Array(79)), RangeError);
  guest.close();
});

/** Runs `body` in a worker, in which `guest` is one of `code` and `shared` words that are shared. */
function inWorker(code: readonly number[], body: string, shared: Int32Array): Worker {
  const module = new URL('./real-mode-guest.js', import.meta.url).href;
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    import('${module}').then(({ makeGuest }) => {
      const guest = makeGuest(workerData.code);
      const { shared } = workerData;
      ${body}
    });`;
  return new Worker(source, { eval: true, workerData: { code, shared } });
}

function sharedWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(16));
}

test('in a worker exits are answered on the spot', real, async () => {
  const body = `
    const calls = [];
    guest.portDevice('log', 0x80, 1, {
      read: () => 0x42,
      write: (offset, value) => { calls.push(Number(value)); },
    });
    const { kind, registers } = guest.vcpu.runHere();
    parentPort.postMessage({ kind, calls, rip: registers.general.rip });
    guest.close();`;
  const worker = inWorker(
    [
      ...[0xe4, 0x80], //                 in al, 0x80
      ...[0xe6, 0x80], //                 out 0x80, al
      0xf4, //                            hlt
    ],
    body,
    sharedWords(),
  );
  const message = await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  assert.deepEqual(message, { kind: 'halt', calls: [0x42], rip: codeAddress + 5n });
  await worker.terminate();
});

test('a run in a worker is stopped from outside', real, async () => {
  for (const program of [endless, chatty]) {
    const shared = sharedWords();
    const body = `
      Atomics.store(shared, 0, 1);
      const { kind } = guest.vcpu.runHere({ shouldStop: () => Atomics.load(shared, 1) === 1 });
      parentPort.postMessage(kind);
      guest.close();`;
    const worker = inWorker(program, body, shared);
    const message = new Promise((resolve) => worker.once('message', resolve));
    while (Atomics.load(shared, 0) === 0) await setTimeout(1);
    Atomics.store(shared, 1, 1);
    assert.equal(await message, 'stopped');
    await worker.terminate();
  }
});

test('a worker with a running guest can be terminated, in both ways of running', real, async () => {
  for (const program of [endless, chatty]) {
    for (const way of ['guest.vcpu.runHere()', 'guest.vcpu.run()']) {
      const shared = sharedWords();
      const worker = inWorker(program, `Atomics.store(shared, 0, 1); ${way};`, shared);
      while (Atomics.load(shared, 0) === 0) await setTimeout(1);
      await setTimeout(5);
      await worker.terminate();
    }
  }
});

test('a process with running guests can exit, and stays as long as they run', real, () => {
  const module = new URL('./real-mode-guest.js', import.meta.url).href;
  const run = (body: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', body], {
      encoding: 'utf8',
      timeout: 600_000,
      // Node.js leaks memory of its own when it exits in the middle of things, which is not what is asked here.
      env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
    });
  const start = (code: readonly number[]) => `
    const { makeGuest } = await import('${module}');
    const guest = makeGuest([${code}]);
    const run = guest.vcpu.run();`;
  for (const program of [endless, chatty]) {
    const { status, signal, stderr } = run(
      `${start(program)} setTimeout(() => process.exit(7), 20);`,
    );
    assert.deepEqual({ status, signal, stderr }, { status: 7, signal: null, stderr: '' });
  }
  const stays = run(`${start([0xe4, 0x80, 0xf4])} run.then(({ kind }) => console.log(kind));`);
  assert.equal(stays.stdout, 'halt\n');
});
