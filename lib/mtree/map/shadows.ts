import type { MapRange, Placement } from './page-map.js';
import type { PlacementStack } from './placement-stack.js';

/**
 * What a range hides, from top to bottom: every placement of something else than the range shows. What is disabled is
 * among it.
 */
export function shadowsOf(range: MapRange, stack: PlacementStack): Placement[] {
  const { first, last, region, offset } = range;
  return stack
    .within(first, last)
    .flatMap((at) => stack.placements[at] ?? [])
    .filter((placement) => placement.region !== region || placement.start !== first - offset);
}
