import { configMirror } from './config-mirror.js';
import { configWindow } from './config-window.js';
import type { Quirk } from './quirk.js';

const displayController = 3;

const nvidia = { vendorId: 0x10de, baseClass: displayController };

const ati = { vendorId: 0x1002, baseClass: displayController };

/** Graphics controllers that show their configuration space in their registers. */
export const displayQuirks: readonly Quirk[] = [
  configMirror({
    name: 'nvidia config mirror 0x88000',
    match: nvidia,
    bar: 0,
    offset: 0x8_8000n,
    size: 0x1000n,
  }),
  configMirror({
    name: 'nvidia config mirror 0x1800',
    match: nvidia,
    bar: 0,
    offset: 0x1800n,
    size: 0x100n,
  }),
  configMirror({
    name: 'ati config mirror 0x4000',
    match: ati,
    bar: 2,
    offset: 0x4000n,
    size: 0x1000n,
  }),
  configWindow({
    name: 'ati config window',
    match: ati,
    bar: 4,
    addressOffset: 0n,
    dataOffset: 4n,
    start: 0x4000,
    size: 0x1000,
  }),
];
