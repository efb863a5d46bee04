import { RangeSet } from '../../memory/range-set.js';
import type { OffsetRange } from '../bars/bar.js';

/**
 * What of the areas of a BAR lies outside of `hole`: the pages that hold any of the MSI-X table, rounded outward at both edges, which
 * may be more than the BAR has. A kernel that doesn't say that these can be mapped (VFIO_REGION_INFO_CAP_MSIX_MAPPABLE) refuses a mapping
 * that has one of them.
 */
export function withoutHole(areas: readonly OffsetRange[], hole: OffsetRange): OffsetRange[] {
  const pages = new RangeSet();
  pages.add(hole);
  return areas.flatMap((area) => pages.missing(area));
}
