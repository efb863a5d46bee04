import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type MemoryRegionOps, MemTxResult } from '../../lib/index.js';
import { noNativeAddon } from '../native-addon.js';
import { flatviewError, machine, Recorder } from './machine.js';

const { ok, error, decodeError, accessError } = MemTxResult;
const reads = { isWrite: false };
const writes = { isWrite: true };

suite('DMA mappings of memory', () => {
  test('are the memory itself', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x10000);
    system.addSubregion(0x1_0000, ram);
    const mapping = memory.mapDma(0x1_2000, 0x3000, writes);
    assert.ok(mapping && !mapping.isBounce);
    assert.equal(mapping.bytes.length, 0x3000);
    mapping.bytes[0x10] = 7;
    assert.equal(memory.read(0x1_2010, 1).value, 7n);
    memory.write(0x1_4fff, 1, 9);
    assert.equal(mapping.bytes[0x2fff], 9);
    assert.equal(mapping.unmap(), ok);
  });

  test('go on where the same region does, though the ranges are apart', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x4000);
    const halves = [0, 0x2000].map((offset) =>
      topology.alias('half', ram, { offset, size: 0x2000, unmergeable: true }),
    );
    halves.forEach((half, i) => {
      system.addSubregion(i * 0x2000, half);
    });
    assert.equal(memory.flatView.rangeCount, 2);
    assert.equal(memory.mapDma(0x1000, 0x3000, reads)?.bytes.length, 0x3000);
  });

  test('end where another region, another part of it, a hole or a device begins', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x4000);
    system.addSubregion(0, topology.alias('a', ram, { size: 0x1000 }));
    system.addSubregion(0x1000, topology.alias('b', ram, { offset: 0x2000, size: 0x1000 }));
    system.addSubregion(0x2000, topology.ram('other', 0x1000));
    system.addSubregion(0x4000, topology.ram('third', 0x1000));
    system.addSubregion(0x5000, topology.io('device', 0x1000, {}));
    // At the offset where the region before it would go on.
    system.addSubregion(0x3000, topology.alias('c', ram, { offset: 0x1000, size: 0x1000 }));
    for (const address of [0, 0x1000, 0x2000, 0x3000, 0x4000]) {
      assert.equal(memory.mapDma(address, 0x10000, reads)?.bytes.length, 0x1000);
    }
  });

  test('for writing end where memory becomes read-only', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x2000);
    system.addSubregion(0, ram);
    const upper = topology.alias('upper', ram, { offset: 0x1000, readonly: true });
    system.addSubregion(0x1000, upper, { priority: 1 });
    assert.equal(memory.mapDma(0, 0x2000, writes)?.bytes.length, 0x1000);
    assert.equal(memory.mapDma(0, 0x2000, reads)?.bytes.length, 0x2000);
  });

  test('show up to 4 GiB at once', { skip: noNativeAddon }, () => {
    const { topology, system, memory } = machine();
    system.addSubregion(0, topology.ram('ram', 8n << 30n));
    assert.equal(memory.mapDma(0x1001, 8n << 30n, reads)?.bytes.length, 2 ** 32);
  });

  test('mark as dirty what was written, for who watches then', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x10000);
    system.addSubregion(0, ram);
    const written = memory.mapDma(0x1000, 0x4000, writes);
    const read = memory.mapDma(0x8000, 0x4000, reads);
    topology.startDirtyLog();
    ram.setDirtyLog('vga', true);
    written?.unmap(0x1001);
    read?.unmap();
    for (const client of ['vga', 'migration'] as const) {
      const dirty = [...ram.dirtyPages.snapshotAndClear(client, 0, 0x10000).ranges()];
      assert.deepEqual(dirty, [{ offset: 0x1000n, size: 0x2000n }]);
    }
    memory.mapDma(0x1000, 0x1000, writes)?.unmap(0);
    assert.equal(ram.dirtyPages.isDirty('vga', 0, 0x10000), false);
  });

  test('mark as dirty for who watched when they were made', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x1000);
    system.addSubregion(0, ram);
    ram.setDirtyLog('vga', true);
    const mapping = memory.mapDma(0, 0x1000, writes);
    ram.setDirtyLog('vga', false);
    mapping?.unmap();
    assert.equal(ram.dirtyPages.isDirty('vga', 0, 1), true);
  });

  test('outlive a change of the tree, and lose their bytes when the memory is closed', () => {
    const { topology, system, memory } = machine();
    const ram = topology.ram('ram', 0x1000);
    system.addSubregion(0, ram);
    const mapping = memory.mapDma(0, 0x1000, writes);
    system.removeSubregion(ram);
    assert.equal(mapping?.bytes.length, 0x1000);
    topology.close();
    assert.equal(mapping?.bytes.length, 0);
  });

  test('of no bytes are empty', () => {
    const { memory } = machine();
    const mapping = memory.mapDma(0, 0, reads);
    assert.equal(mapping?.bytes.length, 0);
    assert.equal(mapping?.unmap(), ok);
  });
});

suite('DMA mappings of all else', () => {
  test('are copies: filled when they are made, for a device that reads', () => {
    const { topology, system, memory } = machine();
    const recorder = new Recorder();
    system.addSubregion(0, topology.io('device', 0x1000, recorder.ops(0x0403_0201n)));
    const mapping = memory.mapDma(0x100, 8, reads);
    assert.ok(mapping?.isBounce);
    assert.deepEqual([...mapping.bytes], [1, 2, 3, 4, 1, 2, 3, 4]);
    assert.deepEqual(recorder.take(), ['read 100+4', 'read 104+4']);
    assert.equal(mapping.result, ok);
    mapping.unmap();
    assert.deepEqual(recorder.take(), []);
  });

  test('are copies: written back when they end, as far as the device wrote', () => {
    const { topology, system, memory } = machine();
    const recorder = new Recorder();
    system.addSubregion(0, topology.io('device', 0x1000, recorder.ops()));
    const mapping = memory.mapDma(0x100, 16, writes);
    assert.deepEqual(recorder.take(), []);
    mapping?.bytes.set([1, 2, 3, 4, 5, 6, 7, 8]);
    assert.equal(mapping?.unmap(6), ok);
    assert.deepEqual(recorder.take(), ['write 100+4 4030201', 'write 104+2 605']);
  });

  test('are made for mapped device memory, roms, and where there is nothing', () => {
    const { topology, system, memory } = machine();
    const bar = topology.ramDevice('bar', 0x1000, { memory: new Uint8Array(0x1000) });
    system.addSubregion(0, bar);
    system.addSubregion(0x1000, topology.rom('rom', 0x1000));
    const mapping = memory.mapDma(0x10, 8, writes);
    assert.equal(mapping?.isBounce, true);
    mapping?.bytes.fill(5);
    assert.equal(mapping?.unmap(), ok);
    assert.equal(bar.memory?.load(0x10, 8), 0x0505_0505_0505_0505n);
    assert.equal(memory.mapDma(0x1000, 8, reads)?.isBounce, false);
    const rom = memory.mapDma(0x1000, 8, writes);
    assert.equal(rom?.isBounce, true);
    assert.equal(rom?.unmap(), decodeError);
    assert.equal(memory.mapDma(0x5000, 8, reads)?.result, decodeError);
  });

  test('say what their accesses came to', () => {
    const { topology, system, memory } = machine();
    const ops: MemoryRegionOps = { read: () => 'error', write: () => 'access-error' };
    system.addSubregion(0, topology.io('device', 0x1000, ops));
    assert.equal(memory.mapDma(0, 8, reads)?.result, error);
    assert.equal(memory.mapDma(0, 8, writes)?.unmap(), accessError);
  });

  test('carry the attributes', () => {
    const { topology, system, memory } = machine();
    const seen: unknown[] = [];
    const ops = {
      read: (_offset: bigint, _size: number, attributes: unknown): number => {
        seen.push(attributes);
        return 0;
      },
      write: (_offset: bigint, _value: bigint, _size: number, attributes: unknown): void => {
        seen.push(attributes);
      },
    };
    system.addSubregion(0, topology.io('device', 0x1000, ops));
    const attributes = { requesterId: 8 };
    memory.mapDma(0, 4, { ...reads, attributes });
    memory.mapDma(0, 4, { ...writes, attributes })?.unmap();
    assert.deepEqual(seen, [attributes, attributes]);
  });
});

suite('The guest can not hurt: bounce buffers are limited', () => {
  test('to 4096 bytes of an address space, or what it is given', () => {
    const { topology, system, memory } = machine();
    const other = topology.addressSpace('other', system);
    assert.equal(memory.mapDma(0, 0x10000, writes)?.bytes.length, 0x1000);
    assert.equal(memory.mapDma(0, 1, writes), undefined);
    assert.equal(other.mapDma(0, 0x800, writes)?.bytes.length, 0x800);
    assert.equal(other.mapDma(0, 0x10000, writes)?.bytes.length, 0x800);
    other.bounceBuffers.limit = 0x1800;
    assert.equal(other.bounceBuffers.used, 0x1000);
    assert.equal(other.mapDma(0, 0x10000, writes)?.bytes.length, 0x800);
    other.bounceBuffers.limit = 0;
    assert.equal(other.mapDma(0, 1, writes), undefined);
    for (const limit of [-1, 1.5, Number.NaN]) {
      assert.throws(() => {
        other.bounceBuffers.limit = limit;
      }, flatviewError('ERR_INVALID_ARGUMENT'));
    }
  });

  test('mappings of memory need none', () => {
    const { topology, system, memory } = machine();
    memory.bounceBuffers.limit = 0;
    system.addSubregion(0, topology.ram('ram', 0x10000));
    assert.equal(memory.mapDma(0, 0x10000, writes)?.bytes.length, 0x10000);
  });

  test('there is room again when a mapping ends, and who waits is called once', async () => {
    const { memory } = machine();
    const first = memory.mapDma(0, 0x1000, writes);
    const calls: string[] = [];
    memory.bounceBuffers.onAvailable(() => calls.push('a'));
    const takeBack = memory.bounceBuffers.onAvailable(() => calls.push('b'));
    memory.bounceBuffers.onAvailable(() => calls.push('c'));
    takeBack();
    await setImmediate();
    assert.deepEqual(calls, []);
    first?.unmap();
    assert.deepEqual(calls, [], 'not while the mapping ends');
    await setImmediate();
    assert.deepEqual(calls, ['a', 'c']);
    memory.mapDma(0, 0x1000, writes)?.unmap();
    await setImmediate();
    assert.deepEqual(calls, ['a', 'c']);
  });

  test('who waits though there is room is called soon', async () => {
    const { memory } = machine();
    const calls: string[] = [];
    memory.bounceBuffers.onAvailable(() => calls.push('a'));
    assert.deepEqual(calls, []);
    await setImmediate();
    assert.deepEqual(calls, ['a']);
  });

  test('a raised limit makes room', async () => {
    const { memory } = machine();
    memory.mapDma(0, 0x1000, writes);
    const calls: string[] = [];
    memory.bounceBuffers.onAvailable(() => calls.push('a'));
    memory.bounceBuffers.limit = 0x2000;
    await setImmediate();
    assert.deepEqual(calls, ['a']);
  });

  test('nothing is used up when a callback throws', () => {
    const { topology, system, memory } = machine();
    const read = (): never => {
      throw new Error('bug');
    };
    system.addSubregion(0, topology.io('device', 0x1000, { read }));
    assert.throws(() => memory.mapDma(0, 0x1000, reads), /^Error: bug$/);
    assert.equal(memory.bounceBuffers.used, 0);
  });
});

suite('the embedder is told of his mistakes', () => {
  test('with DMA mappings', () => {
    const { memory } = machine();
    assert.throws(() => memory.mapDma(-1, 1, reads), flatviewError('ERR_ADDRESS_RANGE'));
    assert.throws(() => memory.mapDma(0, -1, reads), flatviewError('ERR_ADDRESS_RANGE'));
    const mapping = memory.mapDma(0, 8, writes);
    for (const length of [-1, 9, 1.5]) {
      assert.throws(() => mapping?.unmap(length), flatviewError('ERR_ADDRESS_RANGE'));
    }
    mapping?.unmap();
    assert.throws(() => mapping?.unmap(), flatviewError('ERR_INVALID_ARGUMENT', /unmapped before/));
    assert.equal(memory.bounceBuffers.used, 0);
  });
});
