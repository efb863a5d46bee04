// What QEMU's VFIO does with a BAR that is smaller than a page (vfio_sub_page_bar_update_mapping): the BAR, the
// region for slow accesses in it, and the mapped memory in that grow to a page together, so that KVM can map it.

import type { Call } from './trace.js';
import type { Bar, TreeBuilder } from './tree-builder.js';

const page = 0x1000n;

/** A BAR with the two regions that are nested in it. */
export interface SubPageBar {
  readonly region: number;
  readonly size: bigint;
  /** The BAR's region, and those within it. */
  readonly nested: readonly [bar: number, slow: number, mapped: number];
}

/** A BAR of `size` bytes, not yet in a place. */
export function subPageBar(builder: TreeBuilder, size: bigint): SubPageBar {
  const bar = builder.region('io', size);
  const slow = builder.region('io', size);
  const mapped = builder.region('ram-device', size);
  builder.add(mapped, { parent: slow, address: 0n, priority: 0 });
  builder.add(slow, { parent: bar, address: 0n, priority: 0 });
  return { region: bar, size, nested: [bar, slow, mapped] };
}

/** Expands the BAR to a page; then makes it what it was, where it was. */
export function subPageCycle(bar: Bar): Call[][] {
  return [resize(bar, page), resize(bar, bar.size)];
}

/** Sets all three sizes, and re-adds at priority 0, so that whatever else the guest puts in the page wins. */
function resize({ region, parent, address, nested = [] }: Bar, size: bigint): Call[] {
  return [
    ['begin'],
    ...nested.map((it): Call => ['size', it, size]),
    ['remove', parent, region],
    ['add', parent, region, address, 0],
    ['commit'],
  ];
}
