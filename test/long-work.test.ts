import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { buildTopologyAsync, MemoryTopology, readTopologyAsync } from '../lib/index.js';
import { atOnce, inSlices, type Steps, type WorkProgress } from '../lib/long-work.js';
import { diffTopologiesAsync } from '../lib/mtree/diff/index.js';
import { lint, lintAsync } from '../lib/mtree/lint/index.js';
import { buildPageMap, buildPageMapAsync } from '../lib/mtree/map/index.js';

/** Counts to a number, and keeps the processor busy on the way: there is more than one slice in it. */
function* counting(to: number, ended: string[] = []): Steps<number> {
  try {
    for (let done = 0; done < to; done++) {
      for (const end = performance.now() + 2; performance.now() < end; );
      yield { what: 'numbers', done, total: to };
    }
    return to;
  } finally {
    ended.push('over');
  }
}

suite('long work', () => {
  test('comes to the same at once and in slices', async () => {
    assert.equal(atOnce(counting(3)), 3);
    assert.equal(await inSlices(counting(3)), 3);
  });

  test('lets the event loop turn, and says how far it is', async () => {
    const told: WorkProgress[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await inSlices(counting(40), { onProgress: (progress) => told.push(progress) });
    clearInterval(timer);
    assert.ok(turns > 0);
    assert.ok(told.length > 1 && told.every(({ done }, at) => done > (told[at - 1]?.done ?? -1)));
    assert.deepEqual(
      new Set(told.map(({ what, total }) => `${what} ${total}`)),
      new Set(['numbers 40']),
    );
  });

  test('stops with the reason of its signal, and ends what it began', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const ended: string[] = [];
    const working = inSlices(counting(1000, ended), { signal: stop.signal });
    setTimeout(() => stop.abort(reason), 1);
    await assert.rejects(working, reason);
    assert.deepEqual(ended, ['over']);
    const never: string[] = [];
    await assert.rejects(inSlices(counting(1000, never), { signal: stop.signal }), reason);
    assert.deepEqual(never, [], 'it was not begun');
    await assert.rejects(inSlices(counting(1), { signal: AbortSignal.abort() }), {
      name: 'AbortError',
    });
  });

  test('stops when onProgress throws', async () => {
    const ended: string[] = [];
    const onProgress = () => {
      throw new RangeError('no');
    };
    await assert.rejects(inSlices(counting(1000, ended), { onProgress }), RangeError);
    assert.deepEqual(ended, ['over']);
  });
});

suite('long work with topologies', () => {
  const none = { backing: 'none' } as const;

  function machine(devices: number) {
    const topology = new MemoryTopology({ selfCheck: false });
    const system = topology.container('system', 1n << 64n);
    const memory = topology.addressSpace('memory', system);
    topology.transaction(() => {
      for (let at = 0; at < devices; at++) {
        system.addSubregion(at * 0x2000, topology.ram(`ram${at}`, at % 2 ? 8 : 0x1000, none));
      }
    });
    return { topology, system, memory };
  }

  test('comes to the same as at once', async () => {
    const { memory, topology } = machine(100);
    assert.deepEqual(await lintAsync([memory]), lint([memory]));
    assert.deepEqual(await buildPageMapAsync([memory]), buildPageMap([memory]));
    assert.deepEqual(await diffTopologiesAsync([memory], [memory]), {
      views: [],
      spacesGone: [],
      spacesNew: [],
    });
    topology.close();
  });

  test('is refused where the topology changes meanwhile, and listens no longer then', async () => {
    const { topology, system, memory } = machine(10_000);
    const extra = topology.io('extra', 8, {});
    for (const work of [lintAsync, buildPageMapAsync]) {
      const change = () => {
        if (extra.parent === undefined) system.addSubregion(0x5000, extra);
      };
      await assert.rejects(work([memory], { onProgress: change }), {
        code: 'ERR_TOPOLOGY_CHANGED',
      });
      system.removeSubregion(extra);
    }
    assert.ok((await lintAsync([memory])).findings.length > 0);
    topology.close();
  });

  test('leaves nothing behind when it is stopped', async () => {
    const regions = Array.from({ length: 50_000 }, (_, id) =>
      id === 0
        ? { id, name: 'system', type: 'container', size: '0x10000000000000000' }
        : { id, name: 'ram', type: 'ram', size: 4096, parent: 0, addr: `0x${id.toString(16)}000` },
    );
    const json = JSON.stringify({ regions, address_spaces: [{ name: 'memory', root: 0 }] });
    const bytes = Buffer.from(json);
    const { document } = await readTopologyAsync(bytes);
    for (const work of [
      (options: object) => readTopologyAsync(bytes, options),
      (options: object) => buildTopologyAsync(document, options),
    ]) {
      const stop = new AbortController();
      const onProgress = ({ done, total = 0 }: WorkProgress) => {
        assert.ok(done > 0 && done < total);
        stop.abort();
      };
      await assert.rejects(work({ signal: stop.signal, onProgress }), { name: 'AbortError' });
    }
  });
});
