// What stands in for the native addon beside the engine, and what happens when the engine's module fails. The engine itself
// is tested by all other tests (npm run test:wasm).

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { recordLayout } from '../../lib/native/engine-addon.js';
import { arrayMemory } from '../../lib/native/wasm/array-memory.js';
import type { EngineModule } from '../../lib/native/wasm/engine-module.js';
import { NativeOnly } from '../../lib/native/wasm/native-only.js';
import { ProcessAddresses } from '../../lib/native/wasm/process-addresses.js';
import { WasmEngine } from '../../lib/native/wasm/wasm-engine.js';

const memory = arrayMemory(new NativeOnly('there is none for a test'));

function allocate(size: bigint): Uint8Array {
  const bytes = memory.hostMemoryAllocate(size, false, 0n, true, 'ram');
  assert.ok(bytes instanceof Uint8Array);
  return bytes;
}

suite('memory of ArrayBuffers', () => {
  test('is as large as was asked for, in whole pages, up to 4 GiB', () => {
    assert.equal(allocate(5n).length, 5);
    assert.equal(allocate(5n).buffer.byteLength, 4096);
    assert.equal(allocate(1n << 32n).length, 2 ** 32);
    assert.throws(() => allocate((1n << 32n) + 1n), {
      code: 'ERR_NEEDS_NATIVE_ADDON',
      message: /^memory of more than 4 GiB \(ram: 0x100000001 bytes\) .*there is none for a test/,
    });
  });

  test('is neither shared with other processes nor of huge pages', () => {
    const refused = { code: 'ERR_NEEDS_NATIVE_ADDON' };
    assert.throws(() => memory.hostMemoryAllocate(1n, true, 0n, true, 'ram'), refused);
    assert.throws(() => memory.hostMemoryAllocate(1n, false, 4096n, true, 'ram'), refused);
  });

  test('is found by its address, all of it or not at all', () => {
    const bytes = allocate(0x3000n);
    const address = memory.hostMemoryAddress(bytes);
    assert.equal(address % 0x10000n, 0n);
    const part = memory.hostMemoryAt(address + 0x1000n, 0x1000n);
    assert.ok(part instanceof Uint8Array);
    part[0] = 7;
    assert.equal(bytes[0x1000], 7);
    assert.equal(memory.hostMemoryAddress(part), address + 0x1000n);
    for (const [at, size] of [
      [address, 0x3001n],
      [address - 1n, 1n],
      [address + 0x3000n, 1n],
      [0n, 1n],
      [(1n << 64n) - 1n, 1n],
    ] as const) {
      assert.ok('errno' in (memory.hostMemoryAt(at, size) as object), `${at}`);
    }
  });

  test('is gone for everyone once it is closed', () => {
    const bytes = allocate(0x1000n);
    const address = memory.hostMemoryAddress(bytes);
    const other = new Uint8Array(bytes.buffer, 16, 16);
    memory.hostMemoryClose(bytes);
    assert.equal(other.length, 0);
    assert.ok('errno' in (memory.hostMemoryAt(address, 1n) as object));
    assert.throws(() => memory.hostMemoryLoad(bytes, 0n, 1), RangeError);
  });
});

suite('addresses', () => {
  test('are the same as long as the buffer lives, and no two buffers touch', () => {
    const addresses = new ProcessAddresses();
    const buffers = [1, 0, 0x10000, 0x10001, 5].map((size) => new ArrayBuffer(size));
    const bases = buffers.map((buffer) => addresses.of(buffer));
    assert.deepEqual(
      buffers.map((buffer) => addresses.of(buffer)),
      bases,
    );
    for (const [i, base] of bases.entries()) {
      const end = base + BigInt(buffers[i]!.byteLength);
      assert.ok((bases[i + 1] ?? 2n ** 64n) > end, `${i}`);
      assert.equal(addresses.bytesAt(base, end - base)?.buffer, buffers[i]);
    }
  });
});

suite('an engine that fails in the middle of a change', () => {
  /** Has room for what the module's answer and its batches take, and does nothing but that. */
  function moduleThatTraps(): { module: EngineModule; traps: { next: boolean } } {
    const traps = { next: false };
    const module: Partial<EngineModule> = {
      memory: { buffer: new ArrayBuffer(0x20000) },
      answer: () => 0,
      batchCreate: () => 0x10000,
      batchDestroy: () => {},
      engineCreate: () => 8,
      engineDestroy: () => {},
      enginePending: () => 0,
      enginePublish: () => {},
      engineChanges: () => 0,
      engineChangeWords: () => 0,
      engineCommit: () => {
        if (traps.next) throw new RangeError('unreachable');
        return 0;
      },
    };
    return { module: module as EngineModule, traps };
  }

  test('is not used again, and says why', () => {
    const { module, traps } = moduleThatTraps();
    const engine = new WasmEngine(module);
    const handle = engine.engineCreate(false);
    engine.engineUseBatch(handle, new ArrayBuffer(recordLayout.bytes));
    assert.equal(engine.engineCommit(handle, 1, true), 0);
    traps.next = true;
    const failed = { code: 'ERR_ENGINE_FAILED', message: /memory.* or of stack/ };
    assert.throws(() => engine.engineCommit(handle, 1, true), failed);
    traps.next = false;
    assert.throws(() => engine.engineCommit(handle, 1, true), failed);
    assert.throws(() => engine.engineCreate(false), failed);
  });

  test('refuses misuse before anything is changed', () => {
    const engine = new WasmEngine(moduleThatTraps().module);
    const handle = engine.engineCreate(false);
    assert.throws(() => engine.engineCommit(handle, 1, true), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => engine.enginePublish(handle), { code: 'ERR_INVALID_STATE' });
    assert.equal(engine.engineCommit(handle, 0, true), 0);
  });
});
