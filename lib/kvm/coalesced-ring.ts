import type { GuestBus } from './machine/guest-bus.js';

/** struct kvm_coalesced_mmio_ring: two indices, then entries as far as its page goes; sizes and places in bytes. */
const layout = {
  first: 0,
  last: 4,
  entries: 8,
  entry: { bytes: 24, address: 0, size: 8, isPort: 12, data: 16 },
} as const;

/** Where the ring of a VM is, and where its writes go. */
export interface CoalescedRingPlace {
  /** Which page of what a vCPU's descriptor maps: KVM_CAP_COALESCED_MMIO. 0: there is none. */
  readonly page: number;
  /** Bytes of a page. */
  readonly pageSize: number;
  readonly bus: GuestBus;
}

/**
 * The ring in which the kernel gathers writes to coalesced zones, instead of exiting. There is one for all vCPUs of a
 * VM; the kernel adds at `last`, this side takes at `first`. When it is full, writes exit as others do.
 */
export class CoalescedRing {
  readonly #bus: GuestBus;
  readonly #indices: Uint32Array;
  readonly #view: DataView;
  readonly #capacity: number;
  #draining = false;

  /** @param window What a vCPU's descriptor maps. */
  constructor(window: ArrayBuffer, { page, pageSize, bus }: CoalescedRingPlace) {
    this.#bus = bus;
    this.#indices = new Uint32Array(window, page * pageSize, layout.entries / 4);
    this.#view = new DataView(window, page * pageSize, pageSize);
    this.#capacity = Math.floor((pageSize - layout.entries) / layout.entry.bytes);
  }

  /**
   * Makes the writes that were gathered, in the guest's order. Not within one of them: a device that has the ring
   * drained while it takes a write gets the later ones later.
   *
   * @throws what a callback throws; the writes behind it stay.
   */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let first = this.#first; first !== this.#last; first = this.#first) this.#take(first);
    } finally {
      this.#draining = false;
    }
  }

  #take(index: number): void {
    const { bytes, address, size, isPort, data } = layout.entry;
    const at = layout.entries + index * bytes;
    const write = [
      this.#view.getUint32(at + isPort, true) !== 0,
      this.#view.getBigUint64(at + address, true),
      Math.min(this.#view.getUint32(at + size, true), 8),
      this.#view.getBigUint64(at + data, true),
    ] as const;
    // Given back to the kernel only now that it has been read.
    Atomics.store(this.#indices, layout.first / 4, (index + 1) % this.#capacity);
    this.#bus.write(...write);
  }

  get #first(): number {
    return Atomics.load(this.#indices, layout.first / 4) % this.#capacity;
  }

  get #last(): number {
    return Atomics.load(this.#indices, layout.last / 4) % this.#capacity;
  }
}
