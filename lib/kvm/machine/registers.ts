import { hex, toAddress } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { registerSet } from '../../native/kvm-addon.js';

/**
 * General registers of an x86-64 processor (struct kvm_regs), 64 bits each.
 *
 * @example
 * ```ts kvm
 * import { type GeneralRegisterName, type GeneralRegisters, Kvm } from 'flatview/kvm';
 *
 * using kvm = Kvm.open();
 * using vm = kvm.createVm();
 * const vcpu = vm.createVcpu(0);
 * // Linux's 64-bit boot protocol: RSI leads to the boot parameters. The rest stays.
 * const entry: Partial<GeneralRegisters> = { rip: 0x10_0200n, rsi: 0x1_0000n };
 * vcpu.setRegisters(entry);
 *
 * const names: readonly GeneralRegisterName[] = ['rip', 'rsi', 'rflags'];
 * names.map((name) => vcpu.getRegisters()[name]); // => [0x10_0200n, 0x1_0000n, 2n]
 * vcpu.setRegisters({ rip: 1n << 64n }); // throws ERR_ADDRESS_RANGE
 * ```
 */
export type GeneralRegisters = Readonly<Record<GeneralRegisterName, bigint>>;

// biome-ignore format: as they are numbered
/** Name of a general register. */
export type GeneralRegisterName =
  | 'rax' | 'rbx' | 'rcx' | 'rdx' | 'rsi' | 'rdi' | 'rsp' | 'rbp'
  | 'r8' | 'r9' | 'r10' | 'r11' | 'r12' | 'r13' | 'r14' | 'r15' | 'rip' | 'rflags';

// biome-ignore format: as above
const generalNames: readonly GeneralRegisterName[] = [
  'rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rsp', 'rbp',
  'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip', 'rflags',
];

/** A segment register with what the processor has loaded from its descriptor (struct kvm_segment). */
export interface Segment {
  /** Linear address of the first byte. */
  readonly base: bigint;
  /** Offset of the last byte, 32 bits. */
  readonly limit: number;
  /** What the program loaded into the register, 16 bits. */
  readonly selector: number;
  /** Bits 3 to 0 of a descriptor's type. */
  readonly type: number;
  /** Whether it is code or data, and not of the system (descriptor bit S). */
  readonly isCodeOrData: boolean;
  /** Whether it is in memory (descriptor bit P). */
  readonly present: boolean;
  /** Descriptor privilege level, 0 to 3. */
  readonly privilege: number;
  /** Default operand size of 32 bits (descriptor bit D/B). */
  readonly is32Bit: boolean;
  /** Code of 64 bits (descriptor bit L). */
  readonly is64Bit: boolean;
  /** Whether the descriptor counts its limit in pages (bit G). */
  readonly limitInPages: boolean;
  /** The bit that is the system's to use (AVL). */
  readonly available: boolean;
  /** Whether nothing usable was loaded, such as the null selector. */
  readonly unusable: boolean;
}

/** GDTR or IDTR (struct kvm_dtable). */
export interface DescriptorTable {
  /** Linear address of the first byte. */
  readonly base: bigint;
  /** Offset of the last byte, 16 bits. */
  readonly limit: number;
}

/** Name of a register that holds a {@link Segment}. */
export type SegmentName = 'cs' | 'ds' | 'es' | 'fs' | 'gs' | 'ss' | 'tr' | 'ldt';
const segmentNames: readonly SegmentName[] = ['cs', 'ds', 'es', 'fs', 'gs', 'ss', 'tr', 'ldt'];

/** Name of a register that holds a {@link DescriptorTable}. */
export type DescriptorTableName = 'gdt' | 'idt';
const tableNames: readonly DescriptorTableName[] = ['gdt', 'idt'];

/** Name of a control register, or of a model-specific one that counts as one. */
export type ControlRegisterName = 'cr0' | 'cr2' | 'cr3' | 'cr4' | 'cr8' | 'efer' | 'apicBase';
const controlNames: readonly ControlRegisterName[] = [
  'cr0',
  'cr2',
  'cr3',
  'cr4',
  'cr8',
  'efer',
  'apicBase',
];

/**
 * Registers of segments and control of an x86-64 processor (struct kvm_sregs).
 *
 * @example
 * ```ts kvm
 * import {
 *   type ControlRegisterName,
 *   type DescriptorTable,
 *   type DescriptorTableName,
 *   flatCodeSegment,
 *   flatDataSegment,
 *   Kvm,
 *   type Segment,
 *   type SegmentName,
 *   type SpecialRegisters,
 * } from 'flatview/kvm';
 *
 * using kvm = Kvm.open();
 * using vm = kvm.createVm();
 * const vcpu = vm.createVcpu(0);
 * const before: SpecialRegisters = vcpu.getSpecialRegisters();
 *
 * // Into protected mode, as a boot loader leaves it.
 * const data: Segment = flatDataSegment(0x10);
 * const segments = { cs: flatCodeSegment(0x8), ds: data, es: data, ss: data };
 * const gdt: DescriptorTable = { base: 0x500n, limit: 0x17 };
 * vcpu.setSpecialRegisters({ ...segments, gdt, cr0: before.cr0 | 1n });
 *
 * const after = vcpu.getSpecialRegisters();
 * const [stack, table, control] = ['ss', 'gdt', 'cr0'] satisfies [
 *   SegmentName,
 *   DescriptorTableName,
 *   ControlRegisterName,
 * ];
 * after[stack].limit; // => 0xffff_ffff
 * after[table]; // => { base: 0x500n, limit: 0x17 }
 * after[control] & 1n; // => 1n
 * ```
 */
export type SpecialRegisters = Readonly<Record<SegmentName, Segment>> &
  Readonly<Record<DescriptorTableName, DescriptorTable>> &
  Readonly<Record<ControlRegisterName, bigint>>;

/**
 * Both sets of registers.
 *
 * @example
 * ```ts kvm
 * import { Kvm, type Registers } from 'flatview/kvm';
 *
 * using kvm = Kvm.open();
 * using vm = kvm.createVm();
 * const vcpu = vm.createVcpu(0);
 * // An x86 processor starts 16 bytes below 4 GiB, in real mode.
 * const reset: Registers = {
 *   general: vcpu.getRegisters(),
 *   special: vcpu.getSpecialRegisters(),
 * };
 * reset.general.rip; // => 0xfff0n
 * reset.special.cs.base; // => 0xffff_0000n
 * reset.special.cs.selector; // => 0xf000
 * reset.special.cr0 & 1n; // => 0n
 * ```
 */
export interface Registers {
  /** KVM_GET_REGS. */
  readonly general: GeneralRegisters;
  /** KVM_GET_SREGS. */
  readonly special: SpecialRegisters;
}

/**
 * A segment as real mode has it: 64 KiB from 16 times the selector on.
 *
 * @example
 * ```ts
 * import { realModeSegment } from 'flatview/kvm';
 *
 * const { base, limit, selector } = realModeSegment(0xf000);
 * [base, limit, selector]; // => [0xf_0000n, 0xffff, 0xf000]
 * ```
 */
export function realModeSegment(selector: number): Segment {
  return segmentOf({ base: BigInt(selector) << 4n, limit: 0xffff, selector, type: 3 });
}

/**
 * A segment of code for protected mode: 32 bits, all of the 4 GiB, privilege 0.
 *
 * @example
 * ```ts
 * import { flatCodeSegment, type Segment } from 'flatview/kvm';
 *
 * const code32 = flatCodeSegment(0x8);
 * [code32.type, code32.is32Bit, code32.is64Bit]; // => [11, true, false]
 *
 * // The same for long mode.
 * const code64: Segment = { ...code32, is32Bit: false, is64Bit: true };
 * code64.privilege; // => 0
 * ```
 */
export function flatCodeSegment(selector: number): Segment {
  return { ...flatDataSegment(selector), type: 11 };
}

/**
 * A segment of writable data for protected mode: all of the 4 GiB, privilege 0.
 *
 * @example
 * ```ts
 * import { flatDataSegment } from 'flatview/kvm';
 *
 * const { base, limit, limitInPages, type } = flatDataSegment(0x10);
 * [base, limit, limitInPages, type]; // => [0x0n, 0xffff_ffff, true, 3]
 * ```
 */
export function flatDataSegment(selector: number): Segment {
  const limit = 0xffff_ffff;
  return {
    ...segmentOf({ base: 0n, limit, selector, type: 3 }),
    is32Bit: true,
    limitInPages: true,
  };
}

function segmentOf(own: Pick<Segment, 'base' | 'limit' | 'selector' | 'type'>): Segment {
  return {
    ...own,
    isCodeOrData: true,
    present: true,
    privilege: 0,
    is32Bit: false,
    is64Bit: false,
    limitInPages: false,
    available: false,
    unusable: false,
  };
}

/** @internal What struct kvm_regs holds. */
export function readGeneral(bytes: Uint8Array): GeneralRegisters {
  const view = viewOf(bytes);
  return fromNames(generalNames, (index) => view.getBigUint64(index * 8, true));
}

/** @internal `registers` as struct kvm_regs. */
export function writeGeneral(registers: GeneralRegisters): Uint8Array {
  const bytes = new Uint8Array(registerSet.general.bytes);
  const view = viewOf(bytes);
  for (const [index, name] of generalNames.entries()) {
    view.setBigUint64(index * 8, toAddress(registers[name], name), true);
  }
  return bytes;
}

/** Where the parts of struct kvm_sregs begin, and how many bytes one of each takes. */
const segments = { start: 0, bytes: 24 };
const tables = { start: 192, bytes: 16 };
const controls = { start: 224, bytes: 8 };

/** @internal What struct kvm_sregs holds, but for the bitmap of pending interrupts. */
export function readSpecial(bytes: Uint8Array): SpecialRegisters {
  const view = viewOf(bytes);
  return {
    ...fromNames(segmentNames, (index) =>
      readSegment(view, segments.start + index * segments.bytes),
    ),
    ...fromNames(tableNames, (index) => readTable(view, tables.start + index * tables.bytes)),
    ...fromNames(controlNames, (index) =>
      view.getBigUint64(controls.start + index * controls.bytes, true),
    ),
  };
}

/** @internal `bytes` of struct kvm_sregs with `registers` in it. */
export function writeSpecial(registers: SpecialRegisters, bytes: Uint8Array): void {
  const view = viewOf(bytes);
  for (const [index, name] of segmentNames.entries()) {
    writeSegment(view, segments.start + index * segments.bytes, registers[name], name);
  }
  for (const [index, name] of tableNames.entries()) {
    const at = tables.start + index * tables.bytes;
    const { base, limit } = registers[name];
    view.setBigUint64(at, toAddress(base, `base of ${name}`), true);
    view.setUint16(at + 8, unsigned(limit, 16, `limit of ${name}`), true);
  }
  for (const [index, name] of controlNames.entries()) {
    const value = toAddress(registers[name], name);
    view.setBigUint64(controls.start + index * controls.bytes, value, true);
  }
}

function readTable(view: DataView, at: number): DescriptorTable {
  return { base: view.getBigUint64(at, true), limit: view.getUint16(at + 8, true) };
}

function readSegment(view: DataView, at: number): Segment {
  const flag = (offset: number) => view.getUint8(at + offset) !== 0;
  return {
    base: view.getBigUint64(at, true),
    limit: view.getUint32(at + 8, true),
    selector: view.getUint16(at + 12, true),
    type: view.getUint8(at + 14),
    present: flag(15),
    privilege: view.getUint8(at + 16),
    is32Bit: flag(17),
    isCodeOrData: flag(18),
    is64Bit: flag(19),
    limitInPages: flag(20),
    available: flag(21),
    unusable: flag(22),
  };
}

function writeSegment(view: DataView, at: number, segment: Segment, name: SegmentName): void {
  view.setBigUint64(at, toAddress(segment.base, `base of ${name}`), true);
  view.setUint32(at + 8, unsigned(segment.limit, 32, `limit of ${name}`), true);
  view.setUint16(at + 12, unsigned(segment.selector, 16, `selector of ${name}`), true);
  const { present, privilege, is32Bit, isCodeOrData, is64Bit, limitInPages } = segment;
  const { type, available, unusable } = segment;
  unsigned(type, 4, `type of ${name}`);
  unsigned(privilege, 2, `privilege of ${name}`);
  const rest = [type, present, privilege, is32Bit, isCodeOrData, is64Bit, limitInPages];
  for (const [index, value] of [...rest, available, unusable].entries()) {
    view.setUint8(at + 14 + index, Number(value));
  }
}

function unsigned(value: number, bits: number, what: string): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** bits) return value;
  const shown = typeof value === 'number' ? hex(value) : typeof value;
  throw new FlatviewError('ERR_ADDRESS_RANGE', `${what} is ${shown}: not ${bits} bits`);
}

function fromNames<Name extends string, Value>(
  names: readonly Name[],
  value: (index: number) => Value,
): Record<Name, Value> {
  const entries = names.map((name, index) => [name, value(index)] as const);
  return Object.fromEntries(entries) as Record<Name, Value>;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
