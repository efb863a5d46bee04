import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';

/** Bytes of a configuration space: of PCI, and of PCI Express. */
export type ConfigSize = 256 | 4096;

/** Decides what a guest's write makes of a register: for what masks can't say. */
export interface RegisterRule {
  /** Where the register is. */
  readonly offset: number;
  /** Bytes: 1, 2 or 4. */
  readonly size: number;
  /**
   * @param next What the register would be, by its masks.
   * @param old What it is.
   * @returns What it becomes.
   */
  accept(next: number, old: number): number;
}

/**
 * The configuration space of a function, as bytes and what a guest may change of them: each bit is read-only, writable, or
 * cleared by writing a one. It stands for itself: what follows from its bytes is others' business.
 *
 * Two pairs of methods: `get` and `set` are the device's, who may change anything, and is told when it is wrong; `read` and
 * `write` are the guest's, and take whatever comes.
 *
 * @example
 * ```ts
 * import { type ConfigSize, ConfigSpace, configRegister, type RegisterRule } from 'flatview/pci';
 *
 * const express: ConfigSize = 4096;
 * const config = new ConfigSpace(express);
 *
 * // The device knows cache lines of 64 bytes (16 dwords); any other size is to be taken as 0 (6.2.4).
 * const offset = configRegister.cacheLineSize;
 * const lineSize: RegisterRule = { offset, size: 1, accept: (next) => (next === 16 ? 16 : 0) };
 * config.makeWritable(offset, 1, 0xff);
 * config.addRule(lineSize);
 * config.write(offset, 1, 16);
 * config.read(offset, 1); // => 16
 * config.write(offset, 1, 8);
 * config.read(offset, 1); // => 0
 *
 * // A guest may ask for anything. A device that does has a bug.
 * config.read(0x1000, 4); // => 0xffff_ffff
 * config.get(0x1000, 4); // throws ERR_ADDRESS_RANGE
 * ```
 */
export class ConfigSpace {
  /** In bytes: 256, or 4096 of PCI Express. */
  readonly size: ConfigSize;
  readonly #bytes: Uint8Array;
  readonly #writable: Uint8Array;
  readonly #clearable: Uint8Array;
  readonly #fixed: Uint8Array;
  readonly #kept: Uint8Array;
  readonly #claimed: Uint8Array;
  readonly #rules: RegisterRule[] = [];

  /** @throws `ERR_INVALID_ARGUMENT` */
  constructor(size: ConfigSize = 256) {
    if (size !== 256 && size !== 4096) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `size of a configuration space is ${String(size)}: not 256 or 4096`,
      );
    }
    this.size = size;
    this.#bytes = new Uint8Array(size);
    this.#writable = new Uint8Array(size);
    this.#clearable = new Uint8Array(size);
    this.#fixed = new Uint8Array(size);
    this.#kept = new Uint8Array(size);
    this.#claimed = new Uint8Array(size);
  }

  /**
   * The register of `size` bytes at `offset`.
   *
   * @param size 1, 2, 3 or 4.
   * @throws `ERR_ADDRESS_RANGE`, as all of the device's methods.
   */
  get(offset: number, size: number): number {
    this.#check(offset, size);
    return valueAt(this.#bytes, offset, size);
  }

  /** Makes `value` the register, whatever a guest may do with it. */
  set(offset: number, size: number, value: number): void {
    this.#check(offset, size);
    putValue(this.#bytes, offset, size, value);
  }

  /** Lets a guest write the bits of `mask`, and none else of the register. */
  makeWritable(offset: number, size: number, mask: number): void {
    this.#check(offset, size);
    putValue(this.#writable, offset, size, mask);
  }

  /** The bits that a guest can write. */
  writableBits(offset: number, size: number): number {
    this.#check(offset, size);
    return valueAt(this.#writable, offset, size);
  }

  /** Lets a guest clear the bits of `mask` by writing ones there, and none else of the register. */
  makeClearable(offset: number, size: number, mask: number): void {
    this.#check(offset, size);
    putValue(this.#clearable, offset, size, mask);
  }

  /** Says that bits never change: {@link restore} takes no state in which they are others. */
  fix(offset: number, size: number, mask: number): void {
    this.#check(offset, size);
    putValue(this.#fixed, offset, size, mask);
  }

  /** Says that somebody else keeps the bits of `mask`: a guest reads them there ({@link keptBits}). */
  keepElsewhere(offset: number, size: number, mask: number): void {
    this.#check(offset, size);
    putValue(this.#kept, offset, size, mask);
  }

  /** Has `rule` decide, after the masks, whenever a guest writes a byte of its register. */
  addRule(rule: RegisterRule): void {
    this.#check(rule.offset, rule.size);
    this.#rules.push(rule);
  }

  /** Says that bytes belong to a register or capability, so that no other is put there. */
  claim(offset: number, size: number): void {
    this.#claimed.fill(1, offset, offset + size);
  }

  /** Whether nobody has claimed any of the bytes, and all of them are there. */
  isFree(offset: number, size: number): boolean {
    return offset + size <= this.size && !this.#claimed.subarray(offset, offset + size).includes(1);
  }

  /** The bits that somebody else keeps. */
  keptBits(offset: number, size: number): number {
    return valueAt(this.#kept, offset, size);
  }

  /**
   * A guest reads `size` bytes, 1 to 4, wherever they are. Bytes behind the end are all ones, as where nothing is.
   *
   * @returns An unsigned number.
   */
  read(offset: number, size: number): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= (this.#bytes[offset + i] ?? 0xff) << (8 * i);
    return value >>> 0;
  }

  /** A guest writes `size` bytes, 1 to 4, wherever they are. What it may not change stays. */
  write(offset: number, size: number, value: number): void {
    const touched = this.#rules.filter(
      (rule) => offset < rule.offset + rule.size && rule.offset < offset + size,
    );
    const old = touched.map((rule) => valueAt(this.#bytes, rule.offset, rule.size));
    for (let i = 0; i < size; i++) this.#writeByte(offset + i, (value >>> (8 * i)) & 0xff);
    for (const [at, rule] of touched.entries()) {
      const next = valueAt(this.#bytes, rule.offset, rule.size);
      putValue(this.#bytes, rule.offset, rule.size, rule.accept(next, old[at] ?? next));
    }
  }

  /** A copy of all bytes. */
  save(): Uint8Array {
    return this.#bytes.slice();
  }

  /**
   * Makes the bytes what {@link save} gave.
   *
   * @throws `ERR_INVALID_ARGUMENT`: they are of another size, or of another kind of function. Then nothing changes.
   */
  restore(bytes: Uint8Array): void {
    if (bytes.length !== this.size) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `the state of a configuration space has ${bytes.length} bytes, not ${this.size}`,
      );
    }
    const other = bytes.findIndex(
      (byte, at) => ((byte ^ (this.#bytes[at] ?? 0)) & (this.#fixed[at] ?? 0)) !== 0,
    );
    if (other >= 0) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `the state is another function's: the byte at ${hex(other)} of its configuration space is ${hex(bytes[other] ?? 0)}, and ${hex(this.#bytes[other] ?? 0)} here`,
      );
    }
    this.#bytes.set(bytes);
  }

  #writeByte(at: number, value: number): void {
    const old = this.#bytes[at];
    if (old === undefined) return;
    const writable = this.#writable[at] ?? 0;
    const cleared = value & (this.#clearable[at] ?? 0);
    this.#bytes[at] = ((old & ~writable) | (value & writable)) & ~cleared;
  }

  #check(offset: number, size: number): void {
    const isSize = Number.isInteger(size) && size >= 1 && size <= 4;
    if (isSize && Number.isInteger(offset) && offset >= 0 && offset + size <= this.size) return;
    throw new FlatviewError(
      'ERR_ADDRESS_RANGE',
      `a register of ${size} bytes at ${offset}: not within a configuration space of ${this.size} bytes`,
    );
  }
}

function valueAt(bytes: Uint8Array, offset: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value |= (bytes[offset + i] ?? 0) << (8 * i);
  return value >>> 0;
}

function putValue(bytes: Uint8Array, offset: number, size: number, value: number): void {
  for (let i = 0; i < size; i++) bytes[offset + i] = value >>> (8 * i);
}
