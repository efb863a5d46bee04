import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Loads the native addon, and returns its table of functions. */
export function loadAddon(): unknown {
  return require('../../../build/Release/flatview.node');
}
