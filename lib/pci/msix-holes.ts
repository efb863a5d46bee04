import { RangeSet } from '../memory/range-set.js';
import type { OffsetRange } from './bar.js';
import { outward } from './bar-page-policy.js';

/**
 * The areas of a BAR without the pages that hold any of the MSI-X table: a kernel that doesn't say that these can be mapped
 * (VFIO_REGION_INFO_CAP_MSIX_MAPPABLE) refuses a mapping that has one of them. The hole is rounded outward at both edges, and may be larger
 * than the BAR.
 */
export function withoutMsixPages(
  areas: readonly OffsetRange[],
  table: OffsetRange,
  pageSize: bigint,
): OffsetRange[] {
  const hole = new RangeSet();
  hole.add(outward(table, pageSize));
  return areas.flatMap((area) => hole.missing(area));
}
