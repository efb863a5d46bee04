import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  type AddressSpace,
  type AliasRegion,
  FlatViewReader,
  MemoryTopology,
  type SharedAddressSpace,
} from '../../lib/index.js';
import { noNativeAddon } from '../native-addon.js';

const page = 0x1000;
const pages = 64;
const aliases = 16;

interface Machine {
  readonly topology: MemoryTopology;
  readonly memory: AddressSpace;
  readonly shared: SharedAddressSpace;
  /** Makes one commit, after which all aliases show page `number` of the target. */
  show(number: number): void;
}

/**
 * The model for readers on other threads: aliases of a page each, with a page between, which all show the same page of
 * one region. The first commit that a reader sees shows page 0, and each commit the next page, modulo `pages`. So from
 * its generation a reader knows what each lookup must find, and parts of two views, or a view that was freed, show.
 */
function machine(): Machine {
  const topology = new MemoryTopology();
  const system = topology.container('system', 1n << 64n);
  const target = topology.ram('target', pages * page, { backing: 'none' });
  const windows: AliasRegion[] = [];
  const memory = topology.addressSpace('memory', system);
  topology.transaction(() => {
    for (let i = 0; i < aliases; i++) {
      const window = topology.alias(`window-${i}`, target, { offset: 0, size: page });
      system.addSubregion(i * 2 * page, window);
      windows.push(window);
    }
  });
  const show = (number: number) => {
    topology.transaction(() => {
      for (const window of windows) window.offset = (number % pages) * page;
    });
  };
  return { topology, memory, shared: memory.share(), show };
}

function code(expected: string): { code: string } {
  return { code: expected };
}

suite('A reader', () => {
  test('finds what the newest flat view has, as plain data', { skip: noNativeAddon }, () => {
    const { memory, shared, show } = machine();
    using reader = new FlatViewReader(shared);
    assert.equal(reader.name, 'memory');
    assert.equal(reader.generation, 0);
    const found = reader.lookup(2 * page + 5);
    assert.deepEqual(
      { ...found },
      { ...memory.flatView.lookup(2 * page + 5), region: found?.region },
    );
    assert.deepEqual(
      { name: found?.region.name, kind: found?.region.kind },
      { name: 'target', kind: 'ram' },
    );
    assert.equal(found?.region.id, memory.flatView.lookup(0)?.region.id);
    const { generation } = reader;
    show(7);
    assert.equal(reader.lookup(2 * page)?.offset, BigInt(7 * page));
    assert.equal(reader.generation, generation + 1);
    assert.equal(reader.lookup(page), undefined);
    assert.equal(reader.lookup((1n << 64n) - 1n), undefined);
  });

  test('gives the same object until something changes', { skip: noNativeAddon }, () => {
    const { shared, show } = machine();
    using reader = new FlatViewReader(shared);
    const before = reader.lookup(0);
    assert.equal(reader.lookup(1), before);
    reader.rest();
    assert.equal(reader.lookup(2), before);
    show(1);
    assert.notEqual(reader.lookup(0), before);
    assert.equal(reader.lookup(0)?.region, before?.region);
  });

  test('sees nothing of a transaction before it ends, nor of one that is undone', {
    skip: noNativeAddon,
  }, () => {
    const { topology, shared, show, memory } = machine();
    using reader = new FlatViewReader(shared);
    let isRefused = false;
    memory.addListener({
      commit: () => {
        assert.equal(reader.lookup(0)?.offset, 0n);
        if (isRefused) throw new Error('refused');
      },
    });
    isRefused = true;
    topology.transaction(() => assert.equal(reader.lookup(0)?.offset, 0n));
    assert.throws(() => show(1), code('ERR_LISTENER_FAILED'));
    assert.equal(reader.lookup(0)?.offset, 0n);
  });

  test('knows regions by their names, also when their ids are used again', {
    skip: noNativeAddon,
  }, () => {
    const topology = new MemoryTopology();
    const system = topology.container('system', 0x1000);
    const memory = topology.addressSpace('memory', system);
    using reader = new FlatViewReader(memory.share());
    const ids = new Set<number>();
    for (let i = 0; i < 3000; i++) {
      const region = topology.reservation(`region-${i}`, page);
      system.addSubregion(0, region);
      const found = reader.lookup(i % page)?.region;
      assert.deepEqual(found, { id: region.id, kind: 'reservation', name: region.name });
      ids.add(region.id);
      system.removeSubregion(region);
      region.destroy();
    }
    assert.ok(ids.size < 3000, 'ids were used again');
  });

  test('follows an address space from root to root', { skip: noNativeAddon }, () => {
    const topology = new MemoryTopology();
    const system = topology.container('system', 0x1000);
    const memory = topology.addressSpace('memory', system);
    using reader = new FlatViewReader(memory.share());
    assert.equal(reader.lookup(0), undefined);
    const box = topology.container('box', 0x1000);
    system.addSubregion(0, box);
    box.addSubregion(0, topology.reservation('inside', 0x1000));
    assert.equal(reader.lookup(0)?.region.name, 'inside');
    box.enabled = false;
    assert.equal(reader.lookup(0), undefined);
  });
});

suite('A reader ends', () => {
  test('when it is closed', { skip: noNativeAddon }, () => {
    const { shared } = machine();
    const reader = new FlatViewReader(shared);
    reader.lookup(0);
    reader.close();
    reader.close();
    reader.rest();
    assert.throws(() => reader.lookup(0), code('ERR_READER_CLOSED'));
  });

  test('with the address space', { skip: noNativeAddon }, () => {
    const { topology, memory, shared } = machine();
    using reader = new FlatViewReader(shared);
    reader.lookup(0);
    topology.begin();
    memory.destroy();
    assert.notEqual(reader.lookup(0), undefined);
    topology.rollback();
    assert.notEqual(reader.lookup(0), undefined);
    memory.destroy();
    assert.throws(() => reader.lookup(0), code('ERR_ADDRESS_SPACE_DESTROYED'));
    assert.throws(() => memory.share(), code('ERR_ADDRESS_SPACE_DESTROYED'));
  });

  test('with the topology', { skip: noNativeAddon }, () => {
    const { topology, memory, shared } = machine();
    using reader = new FlatViewReader(shared);
    reader.lookup(0);
    topology.close();
    assert.throws(() => reader.lookup(0), code('ERR_TOPOLOGY_CLOSED'));
    assert.throws(() => memory.share(), code('ERR_TOPOLOGY_CLOSED'));
  });
});

suite('What a reader is made from', () => {
  test('is the same whenever an address space is shared', { skip: noNativeAddon }, () => {
    const { memory, shared } = machine();
    assert.equal(memory.share(), shared);
    assert.deepEqual(structuredClone(shared), shared);
  });

  test('must come from share', { skip: noNativeAddon }, () => {
    const { shared } = machine();
    const wrong: unknown[] = [
      undefined,
      null,
      1n,
      {},
      { name: 'memory' },
      { name: 1, token: 1n },
      { name: 'memory', token: 1 },
      { name: 'memory', token: -1n },
      { name: 'memory', token: 1n << 64n },
    ];
    for (const it of wrong) {
      assert.throws(
        () => new FlatViewReader(it as SharedAddressSpace),
        code('ERR_INVALID_ARGUMENT'),
      );
    }
    const forged = { ...shared, token: shared.token ^ 1n };
    assert.throws(() => new FlatViewReader(forged), code('ERR_NOT_SHARED'));
  });

  test('must still be there', { skip: noNativeAddon }, () => {
    const { memory, topology, shared } = machine();
    memory.destroy();
    assert.throws(() => new FlatViewReader(shared), code('ERR_NOT_SHARED'));
    topology.close();
  });

  test('is not made within a transaction, nor by a listener', { skip: noNativeAddon }, () => {
    const { topology, memory } = machine();
    const other = topology.addressSpace('other', memory.root);
    assert.throws(() => topology.transaction(() => other.share()), code('ERR_TRANSACTION_OPEN'));
    let thrown: unknown;
    memory.addListener({
      begin: () => {
        try {
          other.share();
        } catch (error) {
          thrown = error;
        }
      },
    });
    memory.root.enabled = false;
    assert.equal((thrown as { code?: string }).code, 'ERR_CHANGE_IN_LISTENER');
  });

  test('refuses an address that is none', { skip: noNativeAddon }, () => {
    const { shared } = machine();
    using reader = new FlatViewReader(shared);
    for (const address of [-1, 0.5, 1n << 64n, Number.NaN]) {
      assert.throws(() => reader.lookup(address), code('ERR_ADDRESS_RANGE'));
    }
  });
});

/** A worker that reads `shared`, once it has begun. */
async function startWorker(shared: SharedAddressSpace): Promise<Worker> {
  const worker = new Worker(new URL('./reader-worker.js', import.meta.url), {
    workerData: { shared, pages, aliases },
  });
  await once(worker, 'message');
  return worker;
}

suite('Readers in workers', () => {
  // The main thread only gives the workers time to start: all commits are made in one go, without its event loop.
  test('see one published view at a time, and never an older one after a newer one', {
    skip: noNativeAddon,
  }, async () => {
    const { topology, shared, show } = machine();
    const workers = await Promise.all([startWorker(shared), startWorker(shared)]);
    const reports = workers.map(async (worker) => (await once(worker, 'message'))[0]);
    for (let number = 1; number <= 5000; number++) show(number);
    topology.close();
    for (const report of await Promise.all(reports)) {
      assert.deepEqual(report.wrong, []);
      assert.equal(report.code, 'ERR_TOPOLOGY_CLOSED');
      assert.ok(report.lookups > 0 && report.generations > 1);
    }
  });

  test('can be ended in the middle of it', { skip: noNativeAddon }, async () => {
    const { shared, show } = machine();
    for (let round = 0; round < 3; round++) {
      const worker = await startWorker(shared);
      for (let number = 1; number <= pages; number++) show(number);
      await worker.terminate();
      for (let number = 1; number <= pages; number++) show(number);
    }
    using reader = new FlatViewReader(shared);
    assert.equal(reader.lookup(0)?.offset, 0n);
  });

  test('may own the topology', { skip: noNativeAddon }, async () => {
    const source = `
      const { parentPort } = require('node:worker_threads');
      import(${JSON.stringify(new URL('../../lib/index.js', import.meta.url).href)}).then(({ MemoryTopology }) => {
        const topology = new MemoryTopology();
        const system = topology.container('system', 0x1000);
        system.addSubregion(0, topology.reservation('of-a-worker', 0x1000));
        globalThis.memory = topology.addressSpace('memory', system);
        parentPort.on('message', () => process.exit());
        parentPort.postMessage(globalThis.memory.share());
      });`;
    const worker = new Worker(source, { eval: true });
    const [shared] = await once(worker, 'message');
    using reader = new FlatViewReader(shared);
    assert.equal(reader.lookup(0)?.region.name, 'of-a-worker');
    worker.postMessage('end');
    await once(worker, 'exit');
    assert.throws(() => reader.lookup(0), code('ERR_TOPOLOGY_CLOSED'));
  });
});
