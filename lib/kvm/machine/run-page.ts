/** Why a vCPU left the guest (KVM_EXIT_*). */
export const exitReason = {
  io: 2,
  debug: 4,
  halt: 5,
  mmio: 6,
  irqWindowOpen: 7,
  shutdown: 8,
  entryFailure: 9,
  internalError: 17,
  systemEvent: 24,
  dirtyRingFull: 31,
  memoryFault: 39,
} as const;

/** Places in struct kvm_run, in bytes; those of its union begin at 32. */
const layout = {
  reason: 8,
  mmio: { address: 32, data: 40, size: 48, isWrite: 52 },
  io: { direction: 32, size: 33, port: 34, count: 36, dataOffset: 40 },
  entryFailure: { reason: 32 },
  internalError: { suberror: 32, count: 36, data: 40, maxCount: 16 },
  systemEvent: { type: 32 },
  memoryFault: { address: 40, size: 48 },
} as const;

/** Port accesses of one exit: a string instruction makes several. */
export interface PortAccess {
  readonly port: number;
  /** Bytes of each: 1, 2 or 4. */
  readonly size: 1 | 2 | 4;
  readonly count: number;
  readonly isWrite: boolean;
  /** Where the values stand, one after the other. */
  readonly data: number;
}

/**
 * The memory in which the kernel tells of a vCPU's exits and takes the answers: struct kvm_run and the pages behind
 * it (include/uapi/linux/kvm.h). The kernel and this side take turns, so it needs no lock; KVM runs on little-endian
 * hosts only, as far as this package does.
 */
export class RunPage {
  readonly #words: BigUint64Array;
  readonly #halves: Uint32Array;
  readonly #bytes: DataView;

  /** @param window What the vCPU's descriptor maps. */
  constructor(window: ArrayBuffer) {
    this.#words = new BigUint64Array(window);
    this.#halves = new Uint32Array(window);
    this.#bytes = new DataView(window);
  }

  get reason(): number {
    return this.#half(layout.reason);
  }

  get mmioAddress(): bigint {
    return this.#word(layout.mmio.address);
  }

  get mmioSize(): number {
    return this.#half(layout.mmio.size);
  }

  get mmioIsWrite(): boolean {
    return this.#bytes.getUint8(layout.mmio.isWrite) !== 0;
  }

  /** The value that is written, and whatever stands behind it; or the answer to a read. */
  get mmioData(): bigint {
    return this.#word(layout.mmio.data);
  }

  set mmioData(value: bigint) {
    this.#words[layout.mmio.data / 8] = value;
  }

  get portAccess(): PortAccess {
    const size = this.#bytes.getUint8(layout.io.size);
    return {
      port: this.#bytes.getUint16(layout.io.port, true),
      size: size === 1 || size === 2 ? size : 4,
      count: this.#half(layout.io.count),
      isWrite: this.#bytes.getUint8(layout.io.direction) !== 0,
      data: Number(this.#word(layout.io.dataOffset)),
    };
  }

  /** The value at a place that {@link portAccess} gave. */
  portValue(at: number, size: 1 | 2 | 4): number {
    if (size === 1) return this.#bytes.getUint8(at);
    return size === 2 ? this.#bytes.getUint16(at, true) : this.#bytes.getUint32(at, true);
  }

  setPortValue(at: number, size: 1 | 2 | 4, value: number): void {
    if (size === 1) this.#bytes.setUint8(at, value);
    else if (size === 2) this.#bytes.setUint16(at, value, true);
    else this.#bytes.setUint32(at, value, true);
  }

  /** The processor's own number for why it can't enter the guest. */
  get entryFailureReason(): bigint {
    return this.#word(layout.entryFailure.reason);
  }

  /** KVM_INTERNAL_ERROR_*: 1 is an instruction that can't be emulated. */
  get internalSuberror(): number {
    return this.#half(layout.internalError.suberror);
  }

  /** What an internal error comes with; depends on the suberror. */
  get internalData(): bigint[] {
    const { count, maxCount, data } = layout.internalError;
    const words = Math.min(this.#half(count), maxCount);
    return [...this.#words.subarray(data / 8, data / 8 + words)];
  }

  /** KVM_SYSTEM_EVENT_*. */
  get systemEventType(): number {
    return this.#half(layout.systemEvent.type);
  }

  /** The guest-physical bytes that could not be reached. */
  get memoryFault(): { readonly address: bigint; readonly size: bigint } {
    const { address, size } = layout.memoryFault;
    return { address: this.#word(address), size: this.#word(size) };
  }

  #word(at: number): bigint {
    return this.#words[at / 8] ?? 0n;
  }

  #half(at: number): number {
    return this.#halves[at / 4] ?? 0;
  }
}
