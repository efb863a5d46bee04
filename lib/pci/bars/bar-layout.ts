import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { commandBit, configRegister, romEnable } from '../config/config-registers.js';
import type { ConfigSpace } from '../config/config-space.js';
import type { BarIndex, BarLayout } from './bar.js';

/** Low bits of a BAR's register: what kind it is (PCI Local Bus Specification 3.0, 6.2.5.1). */
const typeBit = { io: 1, memory64: 4, prefetchable: 8 } as const;

/** The smallest and largest size of each kind, in bytes (6.2.5.1, 6.2.5.2). */
const sizes = {
  memory: { smallest: 16n, largest: 1n << 31n },
  io: { smallest: 4n, largest: 1n << 31n },
  rom: { smallest: 0x800n, largest: 0x100_0000n },
} as const;

const largestOf64Bits = 1n << 63n;

/** Offset of the register of BAR `index`. */
export function registerOf(index: BarIndex): number {
  return index === 6 ? configRegister.rom : configRegister.bar0 + 4 * index;
}

/**
 * Checks that a function can have all of `layouts`.
 *
 * @param what Names the function in the message.
 * @throws `ERR_BAR_LAYOUT`
 */
export function checkLayouts(layouts: readonly BarLayout[], what: string): void {
  const taken = new Set<number>();
  for (const layout of layouts) {
    checkLayout(layout, what);
    for (const index of layout.is64Bit ? [layout.index, layout.index + 1] : [layout.index]) {
      if (taken.has(index)) {
        throw refused(what, layout, `register ${index} is taken by another BAR`);
      }
      taken.add(index);
    }
  }
}

function checkLayout(layout: BarLayout, what: string): void {
  const { index, kind, size, is64Bit, isPrefetchable } = layout;
  const refuse = (why: string): FlatviewError => refused(what, layout, why);
  if (!Number.isInteger(index) || index < 0 || index > 6) throw refuse('no such BAR: 0 to 5, or 6');
  if ((index === 6) !== (kind === 'rom')) throw refuse('a ROM is number 6, and nothing else is');
  if (typeof size !== 'bigint' || size <= 0n || (size & (size - 1n)) !== 0n) {
    throw refuse('its size is not a power of two');
  }
  if (kind !== 'memory' && (is64Bit || isPrefetchable)) {
    throw refuse('only memory has 64 bits, or is prefetchable');
  }
  if (is64Bit && index === 5) throw refuse('its upper half has no register');
  const { smallest, largest } = sizes[kind];
  const limit = is64Bit ? largestOf64Bits : largest;
  if (size < smallest || size > limit) {
    throw refuse(`its size is not ${hex(smallest)} to ${hex(limit)} bytes`);
  }
}

/** Makes the register of a BAR what it is after a reset: its kind, and as many writable bits as its size says. */
export function layBar(config: ConfigSpace, layout: BarLayout): void {
  const { index, kind, size, is64Bit, isPrefetchable } = layout;
  const register = registerOf(index);
  const addressBits = BigInt.asUintN(64, -size);
  const low = Number(BigInt.asUintN(32, addressBits));
  const writable = kind === 'rom' ? low | romEnable : low;
  const type =
    (kind === 'io' ? typeBit.io : 0) |
    (is64Bit ? typeBit.memory64 : 0) |
    (isPrefetchable ? typeBit.prefetchable : 0);
  lay(config, register, type, writable);
  if (is64Bit) lay(config, register + 4, 0, Number(addressBits >> 32n));
}

/** Lets the guest switch decoding on: a function has the bit of COMMAND for each kind of BAR that it has (6.2.2). */
export function letSwitchOn(config: ConfigSpace, { kind }: BarLayout): void {
  const { command } = configRegister;
  const bit = kind === 'io' ? commandBit.io : commandBit.memory;
  config.makeWritable(command, 2, config.writableBits(command, 2) | bit);
}

function lay(config: ConfigSpace, register: number, value: number, writable: number): void {
  config.set(register, 4, value);
  config.makeWritable(register, 4, writable);
  config.fix(register, 4, ~writable);
}

function refused(what: string, { index, kind, size }: BarLayout, why: string): FlatviewError {
  const shown = typeof size === 'bigint' ? hex(size) : String(size);
  return new FlatviewError('ERR_BAR_LAYOUT', `BAR ${index} of ${what} (${kind}, ${shown}): ${why}`);
}
