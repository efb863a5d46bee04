import { addon } from '../lib/native/addon.js';

/** Why a test that takes the native addon is skipped; `false` where this process has it. */
export const noNativeAddon: string | false =
  'kvmClose' in addon ? false : 'takes the native addon, and the engine is WebAssembly here';
