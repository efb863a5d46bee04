import { readFileSync } from 'node:fs';

/**
 * An address in the module's memory. As JavaScript sees numbers of 32 bits with a sign, those of the upper 2 GiB are
 * negative.
 */
export type Pointer = number;

/** What the module exports: native/wasm/engine_exports.cc says what each function does. */
export interface EngineModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Runs what C++ does before anything else. */
  _initialize(): void;
  answer(): Pointer;
  batchCreate(records: number): Pointer;
  batchDestroy(batch: Pointer): void;
  engineCreate(selfCheck: number): Pointer;
  engineDestroy(engine: Pointer): void;
  enginePending(engine: Pointer): number;
  engineCommit(engine: Pointer, batch: Pointer, records: number): number;
  enginePublish(engine: Pointer): void;
  engineRollback(engine: Pointer): void;
  engineChanges(engine: Pointer): Pointer;
  engineChangeWords(engine: Pointer): number;
  engineMessage(engine: Pointer): Pointer;
  engineMessageBytes(engine: Pointer): number;
  viewSerial(engine: Pointer, addressSpace: number): number;
  viewAcquire(engine: Pointer, addressSpace: number): Pointer;
  viewRenew(view: Pointer, engine: Pointer, addressSpace: number): number;
  viewRelease(view: Pointer): void;
  viewRoot(view: Pointer): number;
  viewRangeCount(view: Pointer): number;
  viewRanges(view: Pointer, low: number, high: number, maxCount: number): number;
  viewLookup(view: Pointer, low: number, high: number): void;
}

/** What is used here of WebAssembly's JavaScript API, whose types come with those of browsers. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
}

/**
 * Compiles a module and makes an instance, which is this environment's own.
 *
 * @throws What Node.js throws where the file can't be read, or is no such module.
 */
export function instantiateEngine(file: string): EngineModule {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi };
  const module = new WebAssembly.Module(readFileSync(file));
  const { exports } = new WebAssembly.Instance(module);
  const engine = exports as EngineModule;
  engine._initialize();
  return engine;
}
