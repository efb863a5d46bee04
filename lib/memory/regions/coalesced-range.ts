/**
 * A part of a region whose writes the kernel may gather in a ring and deliver later, when the order against other
 * accesses doesn't matter (KVM_REGISTER_COALESCED_MMIO).
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
