import type { EngineAddon } from './engine-addon.js';
import type { HostMemoryAddon } from './host-memory-addon.js';
import type { KvmAddon } from './kvm-addon.js';
import { loadAddon } from './load.js';
import type { ReaderAddon } from './reader-addon.js';
import type { VfioAddon } from './vfio-addon.js';

/** Every function of the native addon. */
export interface Addon extends EngineAddon, HostMemoryAddon, KvmAddon, ReaderAddon, VfioAddon {}

/** The native addon of this environment (the main thread or a worker has its own). */
export const addon: Addon = loadAddon() as Addon;

/**
 * Where the addon writes results that are larger than one number. One buffer serves all calls: what a call wrote
 * must be read before the next one.
 */
export const exchange: { readonly words: BigUint64Array; readonly halves: Uint32Array } =
  makeExchange();

function makeExchange(): { words: BigUint64Array; halves: Uint32Array } {
  const buffer = addon.exchangeBuffer();
  return { words: new BigUint64Array(buffer), halves: new Uint32Array(buffer) };
}
