import { FlatviewError } from '../../errors.js';
import {
  type EngineAddon,
  type EngineHandle,
  rangeLayout,
  recordLayout,
  type ViewHandle,
} from '../engine-addon.js';
import { arrayBuffer, boolean, outOfRange, uint32, uint64, wrongState } from './arguments.js';
import type { EngineModule, Pointer } from './engine-module.js';
import { HandleTable } from './handle-table.js';

/** What the module writes to its answer at most: native/wasm/engine_exports.cc. */
const maxRanges = 2048;

const rangeHalves = rangeLayout.words * 2;

const exchangeBytes = 64 * 1024;

/** native/engine/status.h: the self-check found a mistake of the engine's own. */
const selfCheckFailed = -5;

interface EngineEntry {
  readonly pointer: Pointer;
  /** Where batches are read from. */
  batch: ArrayBuffer | undefined;
}

interface ViewEntry {
  readonly pointer: Pointer;
}

/** The functions that are for other threads: there is no memory here that threads could share. */
type OfOtherThreads = 'engineClearNames' | 'engineAddName' | 'engineShare';

/**
 * The engine's functions over the WebAssembly module, as native/binding/engine_binding.cc has them over the native
 * engine. The module has memory of its own, so batches are copied into it, and answers out of it.
 */
export class WasmEngine implements Omit<EngineAddon, OfOtherThreads> {
  readonly #module: EngineModule;
  readonly #engines = new HandleTable<EngineEntry>();
  readonly #views = new HandleTable<ViewEntry>();
  readonly #exchange = new Uint32Array(exchangeBytes / 4);
  /** The module's answer. Its memory moves when it grows: then this has no length. */
  #answer = new Uint32Array(0);
  /** What ended the engine in the middle of a change, once something has. */
  #failure: unknown;

  constructor(module: EngineModule) {
    this.#module = module;
  }

  exchangeBuffer(): ArrayBuffer {
    return this.#exchange.buffer;
  }

  engineCreate(selfCheck: boolean): EngineHandle {
    const checks = Number(boolean(selfCheck, 1));
    const pointer = this.#change(() => this.#module.engineCreate(checks));
    return this.#engines.add({ pointer, batch: undefined });
  }

  engineDestroy(engine: EngineHandle): void {
    const { pointer } = this.#engines.remove(engine);
    this.#change(() => this.#module.engineDestroy(pointer));
  }

  engineUseBatch(engine: EngineHandle, buffer: ArrayBuffer): void {
    this.#engines.get(engine, 1).batch = arrayBuffer(buffer, 2);
  }

  engineCommit(engine: EngineHandle, recordCount: number, publish: boolean): number {
    const { pointer, batch } = this.#engines.get(engine, 1);
    const count = uint32(recordCount, 2);
    const isFinal = boolean(publish, 3);
    if (count > Math.floor((batch?.byteLength ?? 0) / recordLayout.bytes)) {
      throw outOfRange(2, "must be at most the number of records in the engine's batch");
    }
    if (this.#module.enginePending(pointer) !== 0) throw wrongState('a commit is pending');
    const refusal = this.#change(() => this.#commit(pointer, batch, count));
    if (refusal === selfCheckFailed) throw wrongState(`self-check: ${this.#message(pointer)}`);
    if (refusal < 0) {
      this.#exchange.set(this.#answered().subarray(0, 2));
      return refusal;
    }
    if (isFinal) this.#change(() => this.#module.enginePublish(pointer));
    this.#copyChanges(pointer, 0);
    return this.#module.engineChangeWords(pointer);
  }

  engineReadChanges(engine: EngineHandle, fromWord: number): number {
    const { pointer } = this.#engines.get(engine, 1);
    const from = uint32(fromWord, 2);
    if (from > this.#module.engineChangeWords(pointer)) {
      throw outOfRange(2, 'lies behind the end of the changes');
    }
    return this.#copyChanges(pointer, from);
  }

  enginePublish(engine: EngineHandle): void {
    const pointer = this.#pending(engine);
    this.#change(() => this.#module.enginePublish(pointer));
  }

  engineRollback(engine: EngineHandle): void {
    const pointer = this.#pending(engine);
    this.#change(() => this.#module.engineRollback(pointer));
  }

  engineViewSerial(engine: EngineHandle, addressSpace: number): number {
    const { pointer } = this.#engines.get(engine, 1);
    return this.#module.viewSerial(pointer, uint32(addressSpace, 2));
  }

  viewAcquire(engine: EngineHandle, addressSpace: number): ViewHandle {
    const { pointer } = this.#engines.get(engine, 1);
    const space = uint32(addressSpace, 2);
    return this.#views.add({
      pointer: this.#change(() => this.#module.viewAcquire(pointer, space)),
    });
  }

  viewRenew(view: ViewHandle, engine: EngineHandle, addressSpace: number): boolean {
    const held = this.#views.get(view, 1).pointer;
    const { pointer } = this.#engines.get(engine, 2);
    const space = uint32(addressSpace, 3);
    return this.#change(() => this.#module.viewRenew(held, pointer, space)) !== 0;
  }

  viewRelease(view: ViewHandle): void {
    const { pointer } = this.#views.remove(view);
    this.#change(() => this.#module.viewRelease(pointer));
  }

  viewRoot(view: ViewHandle): number {
    return this.#module.viewRoot(this.#views.get(view, 1).pointer) >>> 0;
  }

  viewRangeCount(view: ViewHandle): number {
    return this.#module.viewRangeCount(this.#views.get(view, 1).pointer);
  }

  viewRanges(view: ViewHandle, from: bigint | number, maxCount: number): number {
    const { pointer } = this.#views.get(view, 1);
    const address = uint64(from, 2);
    const room = Math.min(maxRanges, Math.floor(this.#exchange.length / rangeHalves));
    const count = Math.min(uint32(maxCount, 3), room);
    const low = Number(address & 0xffff_ffffn);
    const found = this.#module.viewRanges(pointer, low, Number(address >> 32n), count);
    this.#exchange.set(this.#answered().subarray(0, found * rangeHalves));
    return found;
  }

  viewLookup(view: ViewHandle): void {
    const { pointer } = this.#views.get(view, 1);
    const exchange = this.#exchange;
    this.#module.viewLookup(pointer, exchange[0] ?? 0, exchange[1] ?? 0);
    const answer = this.#answered();
    // A loop takes a fifth of the time that `set` and `subarray` do for one range.
    for (let half = 0; half < rangeHalves; half++) exchange[half] = answer[half] ?? 0;
  }

  #commit(engine: Pointer, batch: ArrayBuffer | undefined, count: number): number {
    const pointer = this.#module.batchCreate(count) >>> 0;
    if (batch !== undefined) {
      const records = new Uint8Array(batch, 0, count * recordLayout.bytes);
      new Uint8Array(this.#module.memory.buffer).set(records, pointer);
    }
    const refusal = this.#module.engineCommit(engine, pointer, count);
    this.#module.batchDestroy(pointer);
    return refusal;
  }

  #pending(engine: EngineHandle): Pointer {
    const { pointer } = this.#engines.get(engine, 1);
    if (this.#module.enginePending(pointer) === 0) throw wrongState('no commit is pending');
    return pointer;
  }

  /** Copies as many words as fit, and returns their number. */
  #copyChanges(engine: Pointer, fromWord: number): number {
    const room = Math.floor(this.#exchange.length / 2);
    const words = Math.min(this.#module.engineChangeWords(engine) - fromWord, room);
    const first = (this.#module.engineChanges(engine) >>> 0) / 4 + fromWord * 2;
    const memory = new Uint32Array(this.#module.memory.buffer, 0);
    this.#exchange.set(memory.subarray(first, first + words * 2));
    return words;
  }

  #message(engine: Pointer): string {
    const { memory, engineMessage, engineMessageBytes } = this.#module;
    const first = engineMessage(engine) >>> 0;
    return Buffer.from(memory.buffer, first, engineMessageBytes(engine)).toString();
  }

  #answered(): Uint32Array {
    if (this.#answer.length === 0) {
      const { memory, answer } = this.#module;
      this.#answer = new Uint32Array(memory.buffer, answer(), maxRanges * rangeHalves);
    }
    return this.#answer;
  }

  /**
   * Makes a call that changes what the module holds. One that ends half-way (no memory, no stack) leaves it in a state
   * that is none: then nothing is done with it any more.
   */
  #change<Result>(change: () => Result): Result {
    if (this.#failure !== undefined) throw this.#hasFailed();
    try {
      return change();
    } catch (error) {
      this.#failure = error;
      throw this.#hasFailed();
    }
  }

  #hasFailed(): FlatviewError {
    const message =
      'the engine ended in the middle of a change, for want of memory (it has 4 GiB as WebAssembly) or of stack: no topology of this thread can be changed any more';
    return new FlatviewError('ERR_ENGINE_FAILED', message, { cause: this.#failure });
  }
}
