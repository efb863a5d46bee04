import type { BarBacking, BarLayout, BarPagePlan } from './bar.js';

/** A memory BAR that decodes, as the page policy sees it. */
export interface PlacedBar {
  /** Where the guest has it: a multiple of its size. */
  readonly address: bigint;
  readonly layout: BarLayout;
  readonly backing: BarBacking;
}

/**
 * Decides how a BAR shows, from the present state alone: the bus asks whenever something of it can have changed, and only
 * of BARs whose backing says what can be mapped ({@link BarBacking.pages}).
 *
 * @param bar The BAR; it has `backing.pages`.
 * @param neighbours All other memory BARs that have a byte in one of the pages that `bar` touches, in no order, whichever
 *   function they are of.
 * @param pageSize Bytes of a host page: a power of two.
 */
export type PagePolicy = (
  bar: PlacedBar,
  neighbours: readonly PlacedBar[],
  pageSize: bigint,
) => BarPagePlan;

/** The plan of a BAR of which nothing can be mapped: just as large as it is, all of it as its region has it. */
export function plainPlan({ size }: BarLayout): BarPagePlan {
  return { size, priority: 1, slowPages: [] };
}
