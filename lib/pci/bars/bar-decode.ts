import { commandBit, configRegister, romEnable } from '../config/config-registers.js';
import type { ConfigSpace } from '../config/config-space.js';
import type { BarLayout } from './bar.js';
import { registerOf } from './bar-layout.js';

/**
 * Why a BAR decodes nothing, and what each means (PCI Local Bus Specification 3.0, 6.2.2 and 6.2.5; PCI Bus Power Management
 * Interface Specification 1.2, 5.4). The first that holds is given.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { ConfigSpace, PciBus, PciFunction, undecodedReasons } from 'flatview/pci';
 *
 * const topology = new MemoryTopology();
 * const layout = { index: 0, kind: 'memory', size: 0x2_0000n, is64Bit: false, isPrefetchable: false } as const;
 * const region = topology.io('e1000.registers', 0x2_0000n, {});
 * const nic = new PciFunction('e1000', { config: new ConfigSpace(), bars: [{ layout, backing: { region } }] });
 * const whyNot = () => nic.bars.map(({ decode }) => decode.reason && undecodedReasons[decode.reason]);
 * whyNot(); // => ['the function is on no bus']
 *
 * new PciBus({ memory: topology.container('pci', 1n << 64n) }).add({ device: 3 }, nic);
 * whyNot(); // => ['memory is off in the COMMAND register']
 * topology.close();
 * ```
 */
export const undecodedReasons = {
  'no-bus': 'the function is on no bus',
  asleep: 'the function is in D1, D2 or D3',
  'memory-off': 'memory is off in the COMMAND register',
  'io-off': 'I/O is off in the COMMAND register',
  'rom-off': 'the enable bit of the ROM is off',
  sizing:
    'all bits of the address, or of its upper half, are ones, as while the BAR is being sized',
  'at-zero': 'the address is 0, which means that none was given',
  'beyond-bus': 'the address is beyond the end of the bus',
} as const;

/** A code of {@link undecodedReasons}. */
export type UndecodedReason = keyof typeof undecodedReasons;

/** Where a BAR decodes, or why it doesn't. */
export type BarDecode =
  | { readonly address: bigint; readonly reason?: undefined }
  | { readonly address?: undefined; readonly reason: UndecodedReason };

/** What of a machine decides where BARs decode. */
export interface DecodeRules {
  /** Addresses of the bus: the first one of each kind that no BAR can have. */
  readonly memoryEnd: bigint;
  /** The first port that no BAR can have. */
  readonly ioEnd: bigint;
  /** Whether a BAR may be at address 0, as on some machines other than PCs. */
  readonly allowsZero: boolean;
}

/** Bits of a half of an address. */
const upperHalf = 32n;

/**
 * Where a BAR decodes: a function of the present state alone.
 *
 * @param config Its registers.
 * @param layout What the BAR asks for.
 * @param powerState 0 to 3: D0 to D3.
 *
 * @example
 * ```ts
 * import {
 *   type BarDecode,
 *   type BarLayout,
 *   ConfigSpace,
 *   commandBit,
 *   configRegister,
 *   type DecodeRules,
 *   decodeBar,
 *   type UndecodedReason,
 * } from 'flatview/pci';
 *
 * const bar0: BarLayout = { index: 0, kind: 'memory', size: 0x2_0000n, is64Bit: false, isPrefetchable: false };
 * const pc: DecodeRules = { memoryEnd: 1n << 64n, ioEnd: 0x1_0000n, allowsZero: false };
 * const config = new ConfigSpace();
 * config.set(configRegister.command, 2, commandBit.memory);
 * const decodeAt = (register: number): BarDecode => {
 *   config.set(configRegister.bar0, 4, register);
 *   return decodeBar(config, bar0, 0, pc);
 * };
 * decodeAt(0xfebc_0000); // => { address: 0xfebc_0000n }
 * const sizing: UndecodedReason = 'sizing';
 * decodeAt(0xfffe_0000); // => { reason: sizing }
 * ```
 */
export function decodeBar(
  config: ConfigSpace,
  layout: BarLayout,
  powerState: number,
  rules: DecodeRules,
): BarDecode {
  const off = offReason(config, layout, powerState);
  if (off !== undefined) return { reason: off };
  const address = addressOf(config, layout);
  const end = layout.kind === 'io' ? rules.ioEnd : rules.memoryEnd;
  if (isSizing(address, layout)) return { reason: 'sizing' };
  if (address === 0n && !rules.allowsZero) return { reason: 'at-zero' };
  return address >= end ? { reason: 'beyond-bus' } : { address };
}

function offReason(
  config: ConfigSpace,
  { index, kind }: BarLayout,
  powerState: number,
): UndecodedReason | undefined {
  if (powerState !== 0) return 'asleep';
  const command = config.get(configRegister.command, 2);
  if (kind === 'io') return (command & commandBit.io) === 0 ? 'io-off' : undefined;
  if ((command & commandBit.memory) === 0) return 'memory-off';
  const isOff = kind === 'rom' && (config.get(registerOf(index), 4) & romEnable) === 0;
  return isOff ? 'rom-off' : undefined;
}

/** What the register holds, without the bits that a BAR of this size doesn't have. */
function addressOf(config: ConfigSpace, { index, size, is64Bit }: BarLayout): bigint {
  const register = registerOf(index);
  const low = BigInt(config.get(register, 4));
  const high = is64Bit ? BigInt(config.get(register + 4, 4)) << upperHalf : 0n;
  return (high | low) & -size;
}

/**
 * A BAR that is being sized can't be told from one that ends with the last byte of the addresses; so none can be there
 * (QEMU: pci_bar_address). Of a 64-bit BAR the halves are written one after the other: it isn't anywhere as long as the
 * upper one is all ones. The lower one alone says nothing, as a large BAR has few bits in it.
 */
function isSizing(address: bigint, { size, is64Bit }: BarLayout): boolean {
  const ones = BigInt.asUintN(is64Bit ? 64 : 32, -size);
  return is64Bit ? address >> upperHalf === ones >> upperHalf : address === ones;
}
