/**
 * A part of a region whose writes the kernel may gather in a ring and deliver later, when the order against other
 * accesses doesn't matter (KVM_REGISTER_COALESCED_MMIO).
 *
 * @example
 * ```ts
 * import { type CoalescedRange, MemoryTopology } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * const e1000 = topology.io('e1000-mmio', 0x2_0000n, {});
 * system.addSubregion(0xfebc_0000n, e1000);
 * e1000.addCoalescedRange(0x100n, 0xc8n);
 * const gathered: readonly CoalescedRange[] = e1000.coalescedRanges;
 * gathered; // => [{ offset: 0x100n, size: 0xc8n }]
 *
 * const told: bigint[] = [];
 * topology.addressSpace('memory', system).addListener({
 *   coalescedIoAdd: (_section, address, size) => told.push(address, size),
 * });
 * told; // => [0xfebc_0100n, 0xc8n]
 * topology.close();
 * ```
 */
export interface CoalescedRange {
  /** Offset within the region, in bytes. */
  readonly offset: bigint;
  /** Size in bytes. */
  readonly size: bigint;
}

/**
 * `range` of a region as addresses, cut to what a flat range shows of the region; `undefined` where nothing is left.
 */
export function shownAddresses(
  range: CoalescedRange,
  shown: { readonly address: bigint; readonly size: bigint; readonly offset: bigint },
): { readonly address: bigint; readonly size: bigint } | undefined {
  const start = range.offset > shown.offset ? range.offset : shown.offset;
  const rangeEnd = range.offset + range.size;
  const shownEnd = shown.offset + shown.size;
  const end = rangeEnd < shownEnd ? rangeEnd : shownEnd;
  if (start >= end) return undefined;
  return { address: shown.address + (start - shown.offset), size: end - start };
}
