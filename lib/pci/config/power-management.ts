import { addCapability, capabilityId } from './capabilities.js';
import type { ConfigSpace } from './config-space.js';

/** Registers of the capability (PCI Bus Power Management Interface Specification 1.2, 3.2). */
const register = { capabilities: 2, control: 4 } as const;

const size = 8;

/** Version of the specification in PMC. */
const version = 3;

const supports = { d1: 0x0200, d2: 0x0400 } as const;

const control = { powerState: 0x0003, noSoftReset: 0x0008, pmeEnable: 0x0100, pmeStatus: 0x8000 };

/** D0 to D3. */
export type PowerState = 0 | 1 | 2 | 3;

/** What a power management capability offers beside D0 and D3. */
export interface PowerManagementOptions {
  /** Whether it has the state D1. Default: false. */
  readonly d1?: boolean;
  /** Whether it has the state D2. Default: false. */
  readonly d2?: boolean;
  /** See {@link Capability.offset}. */
  readonly offset?: number;
}

/**
 * Adds a power management capability. A guest that asks for a state that isn't offered is not heard, as the specification
 * says (3.2.4). Returning from D3 resets nothing (No_Soft_Reset).
 *
 * @returns Its offset.
 * @throws As {@link addCapability}.
 *
 * @example
 * ```ts
 * import {
 *   addPowerManagement,
 *   ConfigSpace,
 *   type PowerManagementOptions,
 *   powerStateAt,
 * } from 'flatview/pci';
 *
 * const options: PowerManagementOptions = { d1: true };
 * const config = new ConfigSpace();
 * const at = addPowerManagement(config, options);
 * config.write(at + 4, 2, 1);
 * powerStateAt(config, at); // => 1
 * // D2 isn't offered: it stays in D1.
 * config.write(at + 4, 2, 2);
 * powerStateAt(config, at); // => 1
 * ```
 */
export function addPowerManagement(
  config: ConfigSpace,
  options: PowerManagementOptions = {},
): number {
  const { d1 = false, d2 = false, offset } = options;
  const at = addCapability(config, { id: capabilityId.powerManagement, size, offset });
  const offered = (d1 ? supports.d1 : 0) | (d2 ? supports.d2 : 0);
  config.set(at + register.capabilities, 2, version | offered);
  config.set(at + register.control, 2, control.noSoftReset);
  layPowerControl(config, at);
  return at;
}

/** Lets a guest change the state of power, to those that the capability at `at` offers. */
export function layPowerControl(config: ConfigSpace, at: number): void {
  const offered = config.get(at + register.capabilities, 2);
  config.fix(at + register.capabilities, 2, 0xffff);
  config.makeWritable(at + register.control, 2, control.powerState | control.pmeEnable);
  config.makeClearable(at + register.control, 2, control.pmeStatus);
  const isOffered = [true, (offered & supports.d1) !== 0, (offered & supports.d2) !== 0, true];
  config.addRule({
    offset: at + register.control,
    size: 2,
    accept: (next, old) =>
      isOffered[next & control.powerState]
        ? next
        : (next & ~control.powerState) | (old & control.powerState),
  });
}

/**
 * The state that a function is in, of which the capability is at `offset`.
 *
 * @example
 * ```ts
 * import {
 *   addPowerManagement,
 *   ConfigSpace,
 *   decodeBar,
 *   type PowerState,
 *   powerStateAt,
 * } from 'flatview/pci';
 *
 * const config = new ConfigSpace();
 * const at = addPowerManagement(config);
 * const asleep: PowerState = 3;
 * config.write(at + 4, 2, asleep);
 * powerStateAt(config, at); // => 3
 *
 * // So its BARs decode nothing.
 * const bar0 = { index: 0, kind: 'memory', size: 0x1000n, is64Bit: false, isPrefetchable: false } as const;
 * const rules = { memoryEnd: 1n << 64n, ioEnd: 0x1_0000n, allowsZero: false };
 * decodeBar(config, bar0, powerStateAt(config, at), rules); // => { reason: 'asleep' }
 * ```
 */
export function powerStateAt(config: ConfigSpace, offset: number): PowerState {
  return (config.get(offset + register.control, 1) & control.powerState) as PowerState;
}
