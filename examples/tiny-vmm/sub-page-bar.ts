/** Where a BAR is, and how much of it shows there. */
export interface Placement {
  readonly address: bigint;
  readonly size: bigint;
  readonly priority: number;
}

/**
 * What to show of a BAR of `size` bytes, whose memory begins with a page that is its own, when the guest has put it at
 * `address`.
 *
 * A guest can be given whole pages only. So a BAR that is smaller shows its whole page where a page starts; then it lies
 * below whatever else the guest puts there. Anywhere else it shows what it has, and each access to it exits.
 *
 * It depends on nothing but the present state: so it is right after a reset or a restored snapshot, too.
 */
export function placeBar(address: bigint, size: bigint, pageSize: bigint): Placement {
  const isExpanded = size < pageSize && address % pageSize === 0n;
  return isExpanded ? { address, size: pageSize, priority: 0 } : { address, size, priority: 1 };
}
