import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, fstatSync, readFileSync, readSync, writeSync } from 'node:fs';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { FlatviewError, HostMemory } from '../../lib/index.js';
import { noNativeAddon } from '../native-addon.js';
import { flatviewError } from './machine.js';

const GiB = 1n << 30n;
const MiB = 1n << 20n;
const widths = [1, 2, 4, 8] as const;
const transparentHugePages = '/sys/kernel/mm/transparent_hugepage';

const closed = flatviewError('ERR_MEMORY_CLOSED');
const outOfRange = flatviewError('ERR_ADDRESS_RANGE');
const badArgument = flatviewError('ERR_INVALID_ARGUMENT');

function residentBytes(): number {
  const [, pages] = readFileSync('/proc/self/statm', 'utf8').split(' ');
  return Number(pages) * 4096;
}

/** How many mappings this process has of the memfd that `name` names. */
function mappingsOf(name: string): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/memfd:${name} `)).length;
}

/** How the kernel treats the mapping that starts at `address` (proc_pid_smaps(5), VmFlags). */
function flagsAt(address: bigint): string[] {
  const maps = readFileSync('/proc/self/smaps', 'utf8');
  const [, flags = ''] =
    new RegExp(`^${address.toString(16)}-[^]*?VmFlags: (.*)$`, 'm').exec(maps) ?? [];
  return flags.split(' ');
}

/** Moves without a copy where Node.js can do that (from 22 on), else copies. */
function moveBytes(buffer: ArrayBufferLike): ArrayBufferLike {
  if ('transfer' in buffer) return (buffer.transfer as () => ArrayBuffer)();
  return structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Collects garbage until memory of this name is unmapped, which may take several turns of the event loop. */
async function isUnmapped(name: string, { turns = 50 }: { turns?: number } = {}): Promise<boolean> {
  for (let i = 0; i < turns && mappingsOf(name) > 0; i++) {
    collectGarbage();
    await setImmediate();
  }
  return mappingsOf(name) === 0;
}

/** As many turns as it takes to collect what can be collected. */
const enough = { turns: 5 };

/** Runs `body` in a worker, with the compiled class at hand, and waits for its end. */
function inWorker(body: string, workerData?: unknown): Promise<unknown> {
  const module = new URL('../../lib/memory/host-memory.js', import.meta.url);
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(${JSON.stringify(module)}).then(({ HostMemory }) => { ${body} });
  `;
  const worker = new Worker(source, { eval: true, workerData });
  let message: unknown;
  worker.on('message', (it) => {
    message = it;
  });
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', () => resolve(message));
  });
}

suite('allocated memory', () => {
  test('64 GiB cost nothing until they are touched', { skip: noNativeAddon }, () => {
    for (const shared of [false, true]) {
      const before = residentBytes();
      const memory = HostMemory.allocate(64n * GiB, { shared });
      assert.equal(memory.size, 64n * GiB);
      memory.store(0, 8, 1n);
      memory.store(64n * GiB - 8n, 8, 2n);
      assert.equal(memory.load(64n * GiB - 8n, 8), 2n);
      assert.ok(residentBytes() < before + 16 * 2 ** 20);
      memory.close();
    }
  });

  test('is as large as was asked for, zero, and starts where a page does', {
    skip: noNativeAddon,
  }, () => {
    for (const size of [0n, 1n, 4095n, 4096n, 4097n, 3n * MiB]) {
      const memory = HostMemory.allocate(size);
      assert.equal(memory.size, size);
      assert.equal(memory.hostAddress % memory.pageSize, 0n);
      const bytes = memory.window(0, size);
      assert.equal(bytes.length, Number(size));
      assert.ok(bytes.every((byte) => byte === 0));
      assert.throws(() => memory.load(size, 1), outOfRange);
    }
    assert.equal(HostMemory.allocate(8n * MiB).hostAddress % (2n * MiB), 0n);
  });

  test('that is shared can be reached through its file, by another process too', {
    skip: noNativeAddon,
  }, () => {
    const memory = HostMemory.allocate(0x2000, { shared: true, name: 'shared' });
    const { fd } = memory;
    assert.ok(fd !== undefined && fstatSync(fd).size === 0x2000);
    memory.copyIn(0x1000, Buffer.from('hello'));
    const seen = Buffer.alloc(5);
    readSync(fd, seen, 0, 5, 0x1000);
    assert.equal(seen.toString(), 'hello');
    const script = `require('node:fs').writeSync(3, 'world', 0x1800)`;
    spawnSync(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit', fd] });
    memory.copyOut(0x1800, seen);
    assert.equal(seen.toString(), 'world');
    assert.throws(() => writeSync(fd, Buffer.alloc(1), 0, 1, 0x2000), { code: 'EPERM' });
    memory.close();
    assert.throws(() => fstatSync(fd), { code: 'EBADF' });
    assert.equal(HostMemory.allocate(1).fd, undefined);
  });

  test('does not go to child processes, and may have huge pages unless told otherwise', {
    skip: noNativeAddon,
  }, () => {
    const may = HostMemory.allocate(8n * MiB);
    const not = HostMemory.allocate(8n * MiB, { transparentHugePages: false });
    assert.ok(flagsAt(may.hostAddress).includes('dc'));
    assert.ok(flagsAt(not.hostAddress).includes('dc'));
    assert.equal(flagsAt(may.hostAddress).includes('hg'), existsSync(transparentHugePages));
    assert.equal(flagsAt(not.hostAddress).includes('hg'), false);
  });

  test('huge pages are there, or the error says what to do', { skip: noNativeAddon }, () => {
    const hugePageSize = 2n * MiB;
    for (const shared of [false, true]) {
      try {
        const memory = HostMemory.allocate(1000, { shared, hugePageSize, name: 'pc.ram' });
        assert.equal(memory.pageSize, hugePageSize);
        memory.store(992, 8, 1n);
        memory.close();
      } catch (error) {
        assert.ok(error instanceof FlatviewError);
        assert.equal(error.code, 'ERR_SYSTEM_CALL');
        assert.equal(error.errno, 'ENOMEM');
        assert.match(error.syscall ?? '', /^mmap\(length 0x200000, /);
        assert.match(error.message, /pc\.ram.*too few free huge pages of 0x200000.*nr_hugepages/);
      }
    }
  });

  test('pages of a size that the host lacks are refused with its name', {
    skip: noNativeAddon,
  }, () => {
    const options = { hugePageSize: 128n * MiB, name: 'pc.ram' };
    for (const shared of [false, true]) {
      assert.throws(
        () => HostMemory.allocate(MiB, { ...options, shared }),
        flatviewError('ERR_SYSTEM_CALL', /no huge pages of 0x8000000 bytes.*\/sys\/kernel\/mm/),
      );
    }
  });

  test('more than the process may map is refused by the kernel', { skip: noNativeAddon }, () => {
    assert.throws(
      () => HostMemory.allocate(1n << 60n, { name: 'pc.ram' }),
      flatviewError('ERR_SYSTEM_CALL', /0x1000000000000000 bytes for pc\.ram: mmap.*ENOMEM/),
    );
  });

  test('sizes that make no sense are refused', () => {
    for (const size of [-1, 1.5, 1n << 63n, 1n << 64n, 1n << 65n]) {
      assert.throws(() => HostMemory.allocate(size), outOfRange);
    }
    assert.throws(() => HostMemory.allocate(1, { hugePageSize: 3 }), badArgument);
    assert.throws(() => HostMemory.allocate(1, { hugePageSize: 1n << 63n }), outOfRange);
  });

  test('a name may be any string', { skip: noNativeAddon }, () => {
    HostMemory.allocate(1, { name: 'späße\0/..' }).close();
    const long = { shared: true, name: 'x'.repeat(1000) };
    assert.throws(() => HostMemory.allocate(1, long), flatviewError('ERR_SYSTEM_CALL', /EINVAL/));
  });
});

suite('accesses', () => {
  test('load what was stored, in every width at every alignment, and nothing beside', () => {
    const memory = HostMemory.allocate(0x1000);
    const value = 0xf8e7_d6c5_b4a3_9281n;
    for (const width of widths) {
      for (let offset = 0x20; offset < 0x28; offset++) {
        memory.store(offset, width, value);
        assert.equal(memory.load(offset, width), BigInt.asUintN(width * 8, value));
        assert.equal(memory.load(offset - 8, 8), 0n);
        assert.equal(memory.load(offset + width, 8), 0n);
        memory.store(offset, width, 0n);
      }
    }
    memory.store(0, 8, -2n);
    assert.equal(memory.load(0, 8), 0xffff_ffff_ffff_fffen);
  });

  test('are in the byte order of the host', () => {
    const memory = HostMemory.allocate(8);
    memory.store(0, 4, 0x0403_0201n);
    const bytes = memory.window(0, 4);
    assert.deepEqual(new Uint32Array(bytes.buffer, bytes.byteOffset, 1)[0], 0x0403_0201);
  });

  test('copies go both ways, also where source and destination overlap', () => {
    const memory = HostMemory.allocate(0x100);
    memory.copyIn(0, Uint8Array.of(1, 2, 3, 4, 5));
    memory.copyIn(2, memory.window(0, 5));
    const out = new Uint8Array(7);
    memory.copyOut(0, out);
    assert.deepEqual([...out], [1, 2, 1, 2, 3, 4, 5]);
    memory.copyOut(1, memory.window(0, 6));
    memory.copyOut(0, out);
    assert.deepEqual([...out], [2, 1, 2, 3, 4, 5, 5]);
    memory.copyOut(0x100, new Uint8Array(0));
  });

  test('out of bounds are refused, with the place in hex', () => {
    const memory = HostMemory.allocate(0x1000, { name: 'pc.ram' });
    const outside = flatviewError('ERR_ADDRESS_RANGE', /0x4 bytes at 0xffd lead out of pc\.ram/);
    assert.throws(() => memory.load(0xffd, 4), outside);
    assert.throws(() => memory.store(0xffd, 4, 0n), outside);
    assert.throws(() => memory.copyOut(0xffd, new Uint8Array(4)), outside);
    assert.throws(() => memory.copyIn(0xffd, new Uint8Array(4)), outside);
    assert.throws(() => memory.window(0xffd, 4), outside);
    for (const offset of [-1, 0.5, (1n << 64n) - 1n, 1n << 64n, Number.NaN]) {
      assert.throws(() => memory.load(offset, 4), outOfRange);
      assert.throws(() => memory.store(offset, 4, 1n), outOfRange);
      assert.throws(() => memory.copyIn(offset, new Uint8Array(1)), outOfRange);
      assert.throws(() => memory.window(offset, 1), outOfRange);
    }
    assert.throws(() => memory.window(1, (1n << 64n) - 1n), outOfRange);
  });

  test('of other widths or types are refused', () => {
    const memory = HostMemory.allocate(0x1000);
    for (const width of [0, 3, 5, 16, 1.5, '4']) {
      assert.throws(() => memory.load(0, width as 4), badArgument);
      assert.throws(() => memory.store(0, width as 4, 0n), badArgument);
    }
    assert.throws(() => memory.copyIn(0, [1, 2] as never), badArgument);
    assert.throws(() => memory.copyOut(0, new ArrayBuffer(1) as never), badArgument);
    assert.throws(() => HostMemory.over(new Uint16Array(1) as never), badArgument);
  });
});

suite('windows', () => {
  test('show the memory itself', () => {
    const memory = HostMemory.allocate(0x3000);
    const [a, b] = [memory.window(0x1000, 0x1000), memory.window(0x1800, 0x1000)];
    a[0x900] = 7;
    assert.equal(b[0x100], 7);
    assert.equal(memory.load(0x1900, 1), 7n);
    memory.store(0x1fff, 1, 9n);
    assert.equal(a[0xfff], 9);
    assert.equal(memory.window(0x3000, 0).length, 0);
  });

  test('of large memory start and end anywhere', { skip: noNativeAddon }, () => {
    const memory = HostMemory.allocate(16n * GiB);
    const starts = [0n, 1n, 2n * GiB - 1n, 2n * GiB, 4n * GiB - 5n, 9n * GiB + 3n, 14n * GiB];
    for (const start of starts) {
      for (const length of [10n, 2n * GiB, 2n * GiB - 1n]) {
        const bytes = memory.window(start, length);
        assert.equal(bytes.length, Number(length));
        memory.store(start, 1, 0x11n);
        memory.store(start + length - 1n, 1, 0x22n);
        assert.equal(bytes[0], 0x11);
        assert.equal(bytes.at(-1), 0x22);
      }
    }
    const longest = memory.window(5n * GiB + 1n, 4n * GiB);
    longest[2 ** 32 - 1] = 5;
    assert.equal(memory.load(9n * GiB, 1), 5n);
    memory.close();
    assert.equal(longest.length, 0);
  });

  test('of more than 4 GiB are refused', { skip: noNativeAddon }, () => {
    const memory = HostMemory.allocate(16n * GiB, { name: 'pc.ram' });
    const tooLong = flatviewError('ERR_WINDOW', /0x100000001 bytes of pc\.ram.*4 GiB/);
    assert.throws(() => memory.window(0, 4n * GiB + 1n), tooLong);
  });

  test('of small parts cost no buffer each', () => {
    const memory = HostMemory.allocate(4n * GiB);
    assert.equal(memory.window(0, 8).buffer, memory.window(0x1000, 8).buffer);
    assert.equal(memory.window(2n * GiB, 8).buffer, memory.window(3n * GiB, 8).buffer);
  });
});

suite('close', () => {
  test('detaches every window and unmaps the memory', { skip: noNativeAddon }, () => {
    const memory = HostMemory.allocate(0x2000, { shared: true, name: 'to-close' });
    const bytes = memory.window(0, 0x1000);
    const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, 4);
    assert.equal(mappingsOf('to-close'), 1);
    memory.close();
    assert.equal(mappingsOf('to-close'), 0);
    assert.equal(bytes.length, 0);
    assert.equal(words.length, 0);
    assert.equal(bytes[0], undefined);
    assert.equal(memory.closed, true);
  });

  test('leaves nothing that dangles, though bytes were moved to another ArrayBuffer', {
    skip: noNativeAddon,
  }, () => {
    for (const shared of [false, true]) {
      const memory = HostMemory.allocate(0x2000, { shared, name: 'moved' });
      const bytes = memory.window(0, 0x2000).fill(5);
      const moved = new Uint8Array(moveBytes(bytes.buffer));
      assert.equal(moved[0x1fff], 5);
      assert.equal(memory.window(0x1000, 1)[0], 5);
      memory.close();
      assert.equal(mappingsOf('moved'), 0);
      moved[0] = 6;
      assert.equal(memory.closed, true);
    }
  });

  test('may be called again, or by `using`; everything else throws then', () => {
    const memory = HostMemory.allocate(0x2000, { name: 'pc.ram' });
    memory[Symbol.dispose]();
    memory.close();
    const isClosed = flatviewError('ERR_MEMORY_CLOSED', /pc\.ram is closed/);
    assert.throws(() => memory.load(0, 4), isClosed);
    assert.throws(() => memory.store(0, 4, 0n), isClosed);
    assert.throws(() => memory.copyIn(0, new Uint8Array(1)), isClosed);
    assert.throws(() => memory.copyOut(0, new Uint8Array(1)), isClosed);
    assert.throws(() => memory.window(0, 1), isClosed);
    assert.throws(() => memory.discard(0, 0x1000), isClosed);
  });

  test('is not needed: the memory goes when nobody has it any more', {
    skip: noNativeAddon,
  }, async () => {
    HostMemory.allocate(0x2000, { shared: true, name: 'forgotten' }).window(0, 1);
    assert.equal(await isUnmapped('forgotten'), true);
  });

  test('a window keeps the memory that is forgotten, and nothing else does', {
    skip: noNativeAddon,
  }, async () => {
    const holder: { bytes?: Uint8Array } = {
      bytes: HostMemory.allocate(0x2000, { shared: true, name: 'held' }).window(0x1000, 0x1000),
    };
    assert.equal(await isUnmapped('held', enough), false);
    holder.bytes?.fill(0x55);
    assert.equal(holder.bytes?.at(-1), 0x55);
    delete holder.bytes;
    assert.equal(await isUnmapped('held'), true);
  });

  test('happens at the end of a worker', { skip: noNativeAddon }, async () => {
    const seen = await inWorker(`
      const memory = HostMemory.allocate(0x2000, { shared: true, name: 'of-a-worker' });
      const kept = [memory.window(0, 0x1000), memory.window(0x1000, 0x1000)];
      kept[0][0] = 1;
      globalThis.kept = [memory, kept];
      parentPort.postMessage(require('node:fs').readFileSync('/proc/self/maps', 'utf8')
        .includes('/memfd:of-a-worker '));
    `);
    assert.equal(seen, true);
    assert.equal(mappingsOf('of-a-worker'), 0);
  });
});

suite('memory that somebody else mapped', () => {
  test('is shared by a worker, while the owner keeps it open', {
    skip: noNativeAddon,
  }, async () => {
    const memory = HostMemory.allocate(0x2000);
    memory.store(0x1000, 4, 0x1234n);
    const { hostAddress, size } = memory;
    const seen = await inWorker(
      `
        const { hostAddress, size } = workerData;
        const memory = HostMemory.at(hostAddress, size);
        memory.window(0x1800, 1)[0] = 7;
        parentPort.postMessage(memory.load(0x1000, 4));
      `,
      { hostAddress, size },
    );
    assert.equal(seen, 0x1234n);
    assert.equal(memory.load(0x1800, 1), 7n);
  });

  test('stays mapped when it is closed here, only its windows go', { skip: noNativeAddon }, () => {
    const owner = HostMemory.allocate(0x2000);
    const lent = HostMemory.at(owner.hostAddress + 0x800n, 0x1000);
    const bytes = lent.window(0, 0x10);
    bytes[0] = 3;
    lent.close();
    assert.equal(bytes.length, 0);
    assert.equal(owner.load(0x800, 1), 3n);
    assert.deepEqual([owner.isLent, lent.isLent], [false, true]);
  });

  test('keeps its owner alive, and so do its windows', { skip: noNativeAddon }, async () => {
    const holder: { lent?: HostMemory; bytes?: Uint8Array } = {};
    const lend = (): void => {
      const owner = HostMemory.allocate(0x2000, { shared: true, name: 'lender' });
      holder.lent = HostMemory.at(owner.hostAddress, 0x2000, owner);
      holder.bytes = holder.lent.window(0, 0x1000);
    };
    lend();
    assert.equal(await isUnmapped('lender', enough), false);
    delete holder.lent;
    assert.equal(await isUnmapped('lender', enough), false);
    holder.bytes?.fill(1);
    delete holder.bytes;
    assert.equal(await isUnmapped('lender'), true);
  });

  test('is refused where nothing is mapped', { skip: noNativeAddon }, () => {
    const gone = HostMemory.allocate(0x4000);
    const { hostAddress } = gone;
    gone.close();
    const notMapped = flatviewError('ERR_SYSTEM_CALL', /msync.*ENOMEM.*[Nn]ot all of it is mapped/);
    assert.throws(() => HostMemory.at(hostAddress, 0x1000), notMapped);
    assert.throws(() => HostMemory.at(0, 0x1000), notMapped);
    const last = (1n << 64n) - 0x1000n;
    assert.throws(() => HostMemory.at(last, 0x1000), notMapped);
    assert.throws(() => HostMemory.at(last, 0x1001), outOfRange);
    assert.throws(() => HostMemory.at(-1, 1), outOfRange);
  });
});

suite("the caller's memory", () => {
  test('is the very array, whatever it lies in', () => {
    const arrays = [
      new Uint8Array(0x100),
      new Uint8Array(0x200).subarray(0x80, 0x180),
      Buffer.from('x'.repeat(0x100)),
      new Uint8Array(new SharedArrayBuffer(0x100)),
      HostMemory.allocate(0x100).window(0, 0x100),
      new Uint8Array(0x20),
    ];
    for (const bytes of arrays) {
      const memory = HostMemory.over(bytes);
      assert.equal(memory.size, BigInt(bytes.length));
      memory.store(0x11, 4, 0x4433_2211n);
      assert.deepEqual([...bytes.subarray(0x11, 0x15)], [0x11, 0x22, 0x33, 0x44]);
      bytes[0x11] = 0x99;
      assert.equal(memory.load(0x11, 1), 0x99n);
      const window = memory.window(0x10, 4);
      assert.equal(window.buffer, bytes.buffer);
      assert.equal(window[1], 0x99);
      assert.throws(() => memory.load(bytes.length - 1, 2), outOfRange);
      memory.close();
      assert.equal(bytes[0x11], 0x99);
      assert.throws(() => memory.load(0, 1), closed);
    }
  });

  test('has an address at which others find it', () => {
    const bytes = new Uint8Array(0x100);
    const memory = HostMemory.over(bytes);
    const same = HostMemory.at(memory.hostAddress, 0x100, bytes);
    same.store(5, 1, 0x42n);
    assert.equal(bytes[5], 0x42);
    assert.equal(memory.pageSize, HostMemory.allocate(1).pageSize);
  });

  test('is not accessed after its owner took it away', () => {
    const bytes = new Uint8Array(0x100);
    const memory = HostMemory.over(bytes);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    assert.equal(bytes.length, 0);
    const gone = flatviewError('ERR_MEMORY_CLOSED', /detached or shrunk/);
    assert.throws(() => memory.load(0, 1), gone);
    assert.throws(() => memory.store(0, 1, 0n), gone);
    assert.throws(() => memory.copyIn(0, new Uint8Array(1)), gone);
    assert.throws(() => memory.window(0, 1), gone);
  });
});

suite('discard', () => {
  test('gives pages back to the host, and they read as zeros', { skip: noNativeAddon }, () => {
    for (const shared of [false, true]) {
      const memory = HostMemory.allocate(64n * MiB, { shared });
      const bytes = memory.window(0, 64n * MiB).fill(0xff);
      const before = residentBytes();
      memory.discard(MiB, 32n * MiB);
      assert.ok(residentBytes() < before - 24 * 2 ** 20);
      assert.equal(bytes[2 ** 20 - 1], 0xff);
      assert.equal(bytes[2 ** 20], 0);
      assert.equal(bytes[33 * 2 ** 20 - 1], 0);
      assert.equal(bytes[33 * 2 ** 20], 0xff);
      bytes[2 ** 20] = 1;
      assert.equal(memory.load(MiB, 1), 1n);
      memory.close();
    }
  });

  test('takes whole pages of the memory only', () => {
    const memory = HostMemory.allocate(0x2800);
    memory.store(0x2000, 8, 1n);
    assert.throws(() => memory.discard(0x800, 0x1000), outOfRange);
    assert.throws(() => memory.discard(0, 0x800), outOfRange);
    assert.throws(() => memory.discard(0x2000, 0x2000), outOfRange);
    assert.throws(() => memory.discard((1n << 64n) - 0x1000n, 0x1000), outOfRange);
    assert.equal(memory.load(0x2000, 8), 1n);
    memory.discard(0x2000, 0x1000);
    assert.equal(memory.load(0x2000, 8), 0n);
    memory.discard(0x1000, 0);
  });

  test('of lent memory is for its owner', () => {
    const owner = HostMemory.allocate(0x1000);
    const lent = [HostMemory.at(owner.hostAddress, 0x1000), HostMemory.over(new Uint8Array(8192))];
    for (const memory of lent) assert.throws(() => memory.discard(0, 0x1000), badArgument);
  });
});
