import { hex } from '../../address.js';
import { type AddressRange, endOf } from '../../mapping/page-mapping.js';
import { Refusal } from '../../mapping/refusal.js';
import type { ConsumerVerdict } from '../../memory/explain/consumer-verdict.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import type { MemorySlot } from './slot-step.js';

/**
 * What became of an address: the slot that shows it, or why there is none.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { KvmMemorySlots, type MemorySlot, type SlotVerdict } from 'flatview/kvm';
 * import { SimulatedKvm } from 'flatview/simulated';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0xfffc_0000n, topology.rom('pc.bios', 0x4_0000n));
 * system.addSubregion(0xfeb0_0000n, topology.ram('bar of 256 bytes', 0x100n));
 * const memory = topology.addressSpace('memory', system);
 * const slots = new KvmMemorySlots(new SimulatedKvm());
 * memory.addListener(slots);
 *
 * const bios: SlotVerdict | undefined = slots.verdictAt(0xffff_fff0n, memory);
 * const slot: MemorySlot | undefined = bios?.slot;
 * slot?.address; // => 0xfffc_0000n
 * slot?.readonly; // => true
 *
 * const bar: SlotVerdict | undefined = slots.verdictAt(0xfeb0_0010n, memory);
 * bar?.mapped; // => false
 * bar?.refusal?.code; // => 'sub-page'
 * topology.close();
 * ```
 */
export interface SlotVerdict extends ConsumerVerdict {
  /** The slot that shows the address, where there is one. */
  readonly slot?: MemorySlot;
  /** Why there is none, where the address is memory. */
  readonly refusal?: Refusal;
}

/** The verdict on a part of what `slot` shows. */
export function mappedVerdict(slot: MemorySlot, { address, size }: AddressRange): SlotVerdict {
  const how = `${slot.readonly ? 'read-only' : 'writable'}${slot.dirtyLog ? ', dirty log' : ''}`;
  const where = `${hex(slot.address)}-${hex(endOf(slot) - 1n)}`;
  return {
    mapped: true,
    code: 'mapped',
    text: `slot ${slot.slot}: ${where} shows ${hex(slot.hostAddress)} of this process, ${how}`,
    first: address,
    last: address + size - 1n,
    slot,
  };
}

/** The verdict on what was refused. */
export function refusedVerdict(refusal: Refusal): SlotVerdict {
  const { code, text, range } = refusal;
  return { mapped: false, code, text, first: range.address, last: range.last, refusal };
}

/** Why `range` has no slot though it could have one. */
export function notRestored(range: FlatRange): Refusal {
  const detail = (): string =>
    'the kernel refused a change, and then to undo it; the next commit tries again';
  return new Refusal('errno', range, detail);
}
