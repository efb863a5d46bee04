import type { HostMemoryAddon } from '../host-memory-addon.js';
import { arrayMemory } from './array-memory.js';
import { instantiateEngine } from './engine-module.js';
import { NativeOnly, type NativeOnlyFunctions, nativeOnlyFunctions } from './native-only.js';
import { WasmEngine } from './wasm-engine.js';

/** What of the addon's functions there is without the native addon. */
export type WasmAddon = WasmEngine & HostMemoryAddon & NativeOnlyFunctions;

/**
 * Loads the engine as WebAssembly, and has TypeScript stand in for what else the native addon does, or say that it can't.
 *
 * @param file The module.
 * @param why There is no native addon here: a sentence, without its full stop.
 * @throws What Node.js throws where the file can't be read, or is no such module.
 */
export function loadWasmAddon(file: string, why: string): WasmAddon {
  const only = new NativeOnly(why);
  const engine = new WasmEngine(instantiateEngine(file));
  return Object.assign(engine, arrayMemory(only), nativeOnlyFunctions(only));
}
