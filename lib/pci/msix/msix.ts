import { FlatviewError } from '../../errors.js';
import type { MemoryRegionOps } from '../../memory/access/memory-region-ops.js';
import { checkVectorCount, msixControl, msixEntrySize, pendingBitsSize } from './msix-layout.js';

/** A write by which a device interrupts. */
export interface MsiMessage {
  /** Where the device writes, 64 bits. */
  readonly address: bigint;
  /** 32 bits. */
  readonly data: number;
}

/** What the embedder does with interrupts. */
export interface MsixHandler {
  /** A vector fires: the write of `message` goes to the guest. */
  send(vector: number, message: MsiMessage): void;
  /**
   * A vector has become another: its message, or whether it may fire (`undefined` where not), for who has the kernel inject
   * it (KVM_IRQFD). Called for what the guest changed, once for each vector and write.
   */
  vectorChanged?(vector: number, message: MsiMessage | undefined): void;
}

/** State of {@link Msix}, for a snapshot. */
export interface MsixState {
  /** 16 bytes for each vector. */
  readonly table: Uint8Array;
  /** One bit for each vector, in words of 64. */
  readonly pendingBits: Uint8Array;
  /** The bits enable and function mask of message control. */
  readonly control: number;
}

/** Offsets within an entry of the table. */
const entryField = { address: 0, data: 8, control: 12 } as const;

/** Bit of an entry's vector control: the vector is masked. */
const vectorMasked = 1;

/**
 * The MSI-X table and pending bits that the guest sees (PCI Local Bus Specification 3.0, 6.8.2): the real ones belong to the host's
 * kernel. Whatever a guest writes is taken; only {@link fire} is for the embedder.
 *
 * @example
 * ```ts
 * import { type MsiMessage, Msix, type MsixHandler, type MsixState } from 'flatview/pci';
 *
 * const sent = new Map<number, MsiMessage>();
 * const handler: MsixHandler = { send: (vector, message) => sent.set(vector, message) };
 * const msix = new Msix(4, handler);
 * msix.setControl(0x8000);
 *
 * // All vectors are masked at first.
 * msix.fire(1);
 * msix.isPending(1); // => true
 * // The guest programs vector 1: address, data, and no mask.
 * msix.writeTable(0x10, 0xfee0_0000n, 8);
 * msix.writeTable(0x18, 0x41n, 4);
 * msix.writeTable(0x1c, 0n, 4);
 * sent; // => new Map([[1, { address: 0xfee0_0000n, data: 0x41 }]])
 *
 * const state: MsixState = msix.save();
 * new Msix(8, handler).restore(state); // throws ERR_INVALID_ARGUMENT
 * ```
 */
export class Msix {
  /** How many vectors the table has, 1 to 2048. */
  readonly vectorCount: number;
  readonly #handler: MsixHandler;
  readonly #table: Uint8Array;
  readonly #view: DataView;
  readonly #pending: Uint8Array;
  #control = 0;

  /** @throws `ERR_INVALID_ARGUMENT`: no table has so many vectors. */
  constructor(vectorCount: number, handler: MsixHandler) {
    checkVectorCount(vectorCount);
    this.vectorCount = vectorCount;
    this.#handler = handler;
    this.#table = new Uint8Array(vectorCount * Number(msixEntrySize));
    this.#view = new DataView(this.#table.buffer);
    this.#pending = new Uint8Array(Number(pendingBitsSize(vectorCount)));
    this.#maskAll();
  }

  /** Whether interrupts are MSI-X, and not INTx. */
  get enabled(): boolean {
    return (this.#control & msixControl.enable) !== 0;
  }

  /** The callbacks of the table. */
  get tableOps(): MemoryRegionOps {
    return {
      read: (offset, size) => this.readTable(Number(offset), size),
      write: (offset, value, size) => this.writeTable(Number(offset), value, size),
      ...anySize,
    };
  }

  /** The callbacks of the pending bits: a guest reads them only. */
  get pendingBitsOps(): MemoryRegionOps {
    return {
      read: (offset, size) => littleEndian(this.#pending, Number(offset), size),
      write: () => undefined,
      ...anySize,
    };
  }

  /** What a guest reads from the table. Bytes behind its end are 0. */
  readTable(offset: number, size: number): bigint {
    return littleEndian(this.#table, offset, size);
  }

  /** A guest writes `size` bytes, 1 to 8, into the table. Bytes behind its end, and reserved bits, stay as they are. */
  writeTable(offset: number, value: bigint, size: number): void {
    const entrySize = Number(msixEntrySize);
    const first = Math.floor(offset / entrySize);
    const last = Math.floor((offset + size - 1) / entrySize);
    for (let vector = first; vector <= last && vector < this.vectorCount; vector++) {
      const before = this.#entryText(vector);
      this.#writeEntry(vector, offset, value, size);
      if (this.#entryText(vector) !== before) this.#tell(vector);
      this.#firePending(vector);
    }
  }

  /** The guest has written message control: its bits enable and function mask count. */
  setControl(control: number): void {
    const next = control & (msixControl.enable | msixControl.functionMask);
    if (next === this.#control) return;
    const before = this.#mayFire;
    this.#control = next;
    if (this.#mayFire === before) return;
    for (let vector = 0; vector < this.vectorCount; vector++) {
      if (!this.#isMasked(vector)) this.#tell(vector);
      this.#firePending(vector);
    }
  }

  /** What a vector sends, if it may. */
  messageOf(vector: number): MsiMessage | undefined {
    this.#check(vector);
    return this.#mayFire && !this.#isMasked(vector) ? this.#message(vector) : undefined;
  }

  /** Whether a vector fired while it was masked, and is to fire again when it no longer is. */
  isPending(vector: number): boolean {
    this.#check(vector);
    return ((this.#pending[vector >> 3] ?? 0) & (1 << (vector & 7))) !== 0;
  }

  /**
   * The device's interrupt `vector` has come: its message is sent, or the vector becomes pending where it is masked. Without
   * {@link enabled} nothing happens.
   *
   * @throws `ERR_INVALID_ARGUMENT`: there is no such vector.
   */
  fire(vector: number): void {
    this.#check(vector);
    if (!this.enabled) return;
    const message = this.messageOf(vector);
    this.#setPending(vector, message === undefined);
    if (message !== undefined) this.#handler.send(vector, message);
  }

  /** As after a reset of the function: all masked, nothing pending, not enabled. */
  reset(): void {
    const before = this.#told();
    this.#control = 0;
    this.#table.fill(0);
    this.#pending.fill(0);
    this.#maskAll();
    for (const vector of before) this.#tell(vector);
  }

  /** All that a guest can see of it, as plain data. */
  save(): MsixState {
    return {
      table: this.#table.slice(),
      pendingBits: this.#pending.slice(),
      control: this.#control,
    };
  }

  /**
   * Makes the state what {@link save} gave. Vectors that may fire are told; pending ones that may fire do.
   *
   * @param state Of a table with as many vectors.
   * @throws `ERR_INVALID_ARGUMENT`: it has another number of vectors. Then nothing changes.
   */
  restore({ table, pendingBits, control }: MsixState): void {
    if (table.length !== this.#table.length || pendingBits.length !== this.#pending.length) {
      throw new FlatviewError(
        'ERR_INVALID_ARGUMENT',
        `the state of an MSI-X table has ${table.length} bytes and ${pendingBits.length} of pending bits, not ${this.#table.length} and ${this.#pending.length}`,
      );
    }
    const before = this.#told();
    this.#table.set(table);
    this.#pending.set(pendingBits);
    this.#control = control & (msixControl.enable | msixControl.functionMask);
    for (const vector of new Set([...before, ...this.#told()])) this.#tell(vector);
    for (let vector = 0; vector < this.vectorCount; vector++) this.#firePending(vector);
  }

  get #mayFire(): boolean {
    return this.enabled && (this.#control & msixControl.functionMask) === 0;
  }

  #isMasked(vector: number): boolean {
    return (this.#view.getUint32(at(vector, entryField.control), true) & vectorMasked) !== 0;
  }

  #message(vector: number): MsiMessage {
    return {
      address: this.#view.getBigUint64(at(vector, entryField.address), true),
      data: this.#view.getUint32(at(vector, entryField.data), true),
    };
  }

  #writeEntry(vector: number, offset: number, value: bigint, size: number): void {
    for (let i = 0; i < size; i++) {
      const field = offset + i - at(vector, 0);
      if (field < 0 || field >= Number(msixEntrySize)) continue;
      const byte = Number((value >> BigInt(8 * i)) & 0xffn);
      this.#table[offset + i] = byte & (writableBits[field] ?? 0xff);
    }
  }

  /** What listeners to a vector see of it. */
  #entryText(vector: number): string {
    const message = this.messageOf(vector);
    return message === undefined ? '' : `${message.address} ${message.data}`;
  }

  /** The vectors that may fire. */
  #told(): number[] {
    const vectors = Array.from({ length: this.vectorCount }, (_, vector) => vector);
    return vectors.filter((vector) => this.messageOf(vector) !== undefined);
  }

  #tell(vector: number): void {
    this.#handler.vectorChanged?.(vector, this.messageOf(vector));
  }

  #firePending(vector: number): void {
    if (this.isPending(vector) && this.messageOf(vector) !== undefined) this.fire(vector);
  }

  #setPending(vector: number, on: boolean): void {
    const bit = 1 << (vector & 7);
    const byte = this.#pending[vector >> 3] ?? 0;
    this.#pending[vector >> 3] = on ? byte | bit : byte & ~bit;
  }

  #maskAll(): void {
    for (let vector = 0; vector < this.vectorCount; vector++) {
      this.#table[at(vector, entryField.control)] = vectorMasked;
    }
  }

  #check(vector: number): void {
    if (Number.isInteger(vector) && vector >= 0 && vector < this.vectorCount) return;
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `vector ${String(vector)}: there are ${this.vectorCount}`,
    );
  }
}

/**
 * Software is to use aligned accesses of four or eight bytes only; what others do is undefined (6.8.2). They are taken here as
 * they come.
 */
const anySize: MemoryRegionOps = {
  valid: { minSize: 1, maxSize: 8 },
  implementation: { minSize: 1, maxSize: 8 },
};

/** The bits of each byte of an entry that a guest can write, where these are not all: addresses are multiples of four. */
const writableBits: Readonly<Record<number, number>> = {
  [entryField.address]: 0xfc,
  [entryField.control]: vectorMasked,
  [entryField.control + 1]: 0,
  [entryField.control + 2]: 0,
  [entryField.control + 3]: 0,
};

function at(vector: number, field: number): number {
  return vector * Number(msixEntrySize) + field;
}

function littleEndian(bytes: Uint8Array, offset: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i] ?? 0);
  return value;
}
