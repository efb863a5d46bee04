import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type AccessWidth, HostMemory, MemTxResult, type Rejection } from '../../lib/index.js';
import { hostPageSize } from '../../lib/memory/host-memory.js';
import { flatviewError, machine } from './machine.js';
import { buildTruncatedMemory, noTruncatedMemory, truncatedMemory } from './truncated-memory.js';

const page = Number(hostPageSize);
const widths = [1, 2, 4, 8] as const;
const noAnswer = flatviewError('ERR_MEMORY_BUS_ERROR', /do not answer \(SIGBUS\)/);

suite('Memory that does not answer (SIGBUS)', { skip: noTruncatedMemory }, () => {
  const addonPath = noTruncatedMemory === false ? buildTruncatedMemory() : '';

  test('an access says so, changes nothing, and is counted', () => {
    const memory = truncatedMemory(addonPath);
    for (const width of widths) {
      assert.throws(() => memory.load(page, width), noAnswer);
      assert.throws(() => memory.store(page + 8, width, 1n), noAnswer);
      assert.equal(memory.load(0, width), pattern(width));
    }
    assert.throws(() => memory.load(page - 1, 2), noAnswer, 'over the edge');
    assert.throws(() => memory.copyOut(page - 8, new Uint8Array(16)), noAnswer);
    assert.throws(() => memory.copyIn(page, new Uint8Array(1)), noAnswer);
    assert.equal(memory.busErrors, 11);
    const into = new Uint8Array(page);
    memory.copyOut(0, into);
    assert.ok(into.every((byte) => byte === 0x5a));
  });

  test('a guest reads ones, its writes come to nothing, and both have failed', () => {
    const { topology, system, memory } = machine();
    const file = truncatedMemory(addonPath);
    system.addSubregion(0, topology.ram('file', 2 * page, { memory: file }));
    const ones = (size: number): bigint => (1n << BigInt(8 * size)) - 1n;
    for (let size = 1; size <= 8; size++) {
      const failed = { value: ones(size), result: MemTxResult.error };
      assert.deepEqual(memory.read(page + 1, size), failed);
      assert.equal(memory.write(page + 1, size, 0n), MemTxResult.error);
    }
    assert.deepEqual(memory.read(page - 2, 4), { value: ones(4), result: MemTxResult.error });
    assert.equal(memory.read(page - 2, 2).value, pattern(2), 'what is there answers for itself');

    const into = new Uint8Array(4).fill(0xee);
    assert.equal(memory.readBytes(page, into), MemTxResult.error);
    assert.deepEqual([...into], [0xff, 0xff, 0xff, 0xff]);
    assert.equal(memory.writeBytes(page, into), MemTxResult.error);
    assert.ok(file.busErrors > 0);
  });

  test('memory of a device, too', () => {
    const { topology, system, memory } = machine();
    const file = truncatedMemory(addonPath);
    const bar = HostMemory.ofDeviceAt(file.hostAddress, file.size, 'BAR 0', file);
    system.addSubregion(0, topology.ramDevice('BAR 0', 2 * page, { memory: bar }));
    const failed = { value: 0xffff_ffffn, result: MemTxResult.error };
    assert.deepEqual(memory.read(page, 4), failed);
    assert.equal(memory.write(page, 4, 0n), MemTxResult.error);
    assert.deepEqual(memory.read(0, 4), { value: 0x5a5a_5a5an, result: MemTxResult.ok });
    assert.equal(bar.busErrors, 2);
    assert.throws(() => bar.load(page, 4), /BAR 0 do not answer \(SIGBUS\): its device/);
  });

  test('who subscribes to rejected accesses hears of it', () => {
    const { topology, system, memory } = machine();
    const region = topology.ram('file', 2 * page, { memory: truncatedMemory(addonPath) });
    system.addSubregion(0, region);
    const heard: unknown[] = [];
    const listener = (rejection: unknown): unknown => heard.push(rejection);
    subscribe('flatview:rejected-access', listener);
    try {
      memory.read(page + 4, 4);
      memory.writeBytes(page, new Uint8Array(3));
    } finally {
      unsubscribe('flatview:rejected-access', listener);
    }
    const expected: Rejection[] = [
      { reason: 'bus-error', region, offset: BigInt(page + 4), size: 4, isWrite: false },
      { reason: 'bus-error', region, offset: BigInt(page), size: 3, isWrite: true },
    ];
    assert.deepEqual(heard, expected);
  });

  test('a write that was not taken is not dirty', () => {
    const { topology, system, memory } = machine();
    const region = topology.ram('file', 2 * page, { memory: truncatedMemory(addonPath) });
    system.addSubregion(0, region);
    region.setDirtyLog('vga', true);
    memory.write(page, 4, 1n);
    assert.equal(region.dirtyPages.isDirty('vga', 0, 2 * page), false);
    memory.write(0, 4, 1n);
    assert.equal(region.dirtyPages.isDirty('vga', 0, page), true);
  });

  test('workers survive it, all at once, and as the only ones who have the addon', () => {
    const program = `
      const { Worker } = require('node:worker_threads');
      const { once } = require('node:events');
      const url = new URL(${JSON.stringify(workerUrl())});
      const start = () => once(new Worker(url, { workerData: ${JSON.stringify(addonPath)} }), 'message');
      Promise.all([start(), start()]).then((messages) => {
        const texts = messages.map(([{ outcome, busErrors }]) => outcome.value + ' ' + outcome.result + ' ' + busErrors);
        process.stdout.write(texts.join(', '));
      });
      process.on('beforeExit', () => process.kill(process.pid, 'SIGBUS'));`;
    const ended = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
    assert.equal(ended.stdout, '4294967295 1 1000, 4294967295 1 1000');
    assertEndedBySigbus(ended);
  });

  test('here and in a worker at the same time', async () => {
    const memory = truncatedMemory(addonPath);
    const worker = new Worker(new URL(workerUrl()), { workerData: addonPath });
    const message = once(worker, 'message');
    for (let i = 0; i < 1000; i++) assert.throws(() => memory.load(page, 8), noAnswer);
    const [{ busErrors }] = await message;
    assert.equal(busErrors, 1000);
  });

  suite('of anybody else', () => {
    const uses = `
      import { HostMemory } from ${JSON.stringify(moduleUrl('../../lib/index.js'))};
      import { truncatedMemory } from ${JSON.stringify(moduleUrl('./truncated-memory.js'))};
      const memory = truncatedMemory(${JSON.stringify(addonPath)});
      if (memory.busErrors !== 0) throw new Error('counted before');
      try { memory.load(${page}, 4); } catch (error) { process.stdout.write(error.code); }\n`;
    const others = {
      'an access of JavaScript': `memory.window(${page}, 1)[0];`,
      'a signal that is sent': `process.kill(process.pid, 'SIGBUS'); setTimeout(() => {}, 60_000);`,
    };
    for (const [name, does] of Object.entries(others)) {
      test(`${name} ends the process`, () => {
        const options = ['--input-type=module', '-e', `${uses}${does}`];
        const ended = spawnSync(process.execPath, options, { encoding: 'utf8' });
        assert.equal(ended.stdout, 'ERR_MEMORY_BUS_ERROR');
        assertEndedBySigbus(ended);
      });
    }
  });
});

function workerUrl(): string {
  return moduleUrl('./bus-error-worker.js');
}

function moduleUrl(relative: string): string {
  return new URL(relative, pathToFileURL(import.meta.filename)).href;
}

function pattern(width: AccessWidth): bigint {
  return BigInt.asUintN(8 * width, 0x5a5a_5a5a_5a5a_5a5an);
}

/** A sanitizer has the signal before us, and tells of the error instead. */
function assertEndedBySigbus({ signal, stderr }: { signal: string | null; stderr: string }): void {
  const isSanitized = process.env['LD_PRELOAD']?.includes('asan') ?? false;
  if (isSanitized) assert.match(stderr, /AddressSanitizer: BUS/);
  else assert.equal(signal, 'SIGBUS', stderr);
}
