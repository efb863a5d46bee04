import type { MemoryRegionOps } from '../../memory/access/memory-region-ops.js';
import type { BarIndex } from '../bars/bar.js';
import type { Quirk, QuirkDevice, QuirkMatch } from './quirk.js';

/** A part of a BAR that shows the device's configuration space. */
export interface ConfigMirror {
  /** Shown in dumps and explanations. */
  readonly name: string;
  /** Which functions it is for. */
  readonly match: QuirkMatch;
  /** The BAR that shows the configuration space. */
  readonly bar: BarIndex;
  /** Where it begins in the BAR, in bytes. */
  readonly offset: bigint;
  /** Bytes: what it has of the configuration space, from its beginning on. */
  readonly size: bigint;
}

/**
 * A quirk for a device that has its configuration space in a BAR, too: what the guest finds there must be what it finds at its bus,
 * and what it writes there must not reach the device past everybody who has to know.
 */
export function configMirror({ name, match, bar, offset, size }: ConfigMirror): Quirk {
  return {
    name,
    match,
    windows: (device) => [{ name, bar, offset, size, ops: mirrorOps(device) }],
  };
}

function mirrorOps({ config }: QuirkDevice): MemoryRegionOps {
  return {
    read: (offset, size) => config.read(Number(offset), size),
    write: (offset, value, size) => config.write(Number(offset), size, Number(value)),
    valid: { minSize: 1, maxSize: 8 },
    implementation: { minSize: 1, maxSize: 4 },
  };
}
