import { hex, smaller } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { VfioRegionInfo } from '../../vfio/vfio-interface.js';
import type { OffsetRange } from '../bars/bar.js';
import { outward } from '../bars/bar-page-policy.js';

/**
 * The parts of a region that the kernel lets be mapped, ascending and within the region: all of it, or the areas of
 * VFIO_REGION_INFO_CAP_SPARSE_MMAP. These come as a driver gives them: in any order, some may be empty, and their edges need not be
 * those of pages.
 *
 * @param what Names the region in the message.
 * @throws `ERR_DEVICE_DESCRIPTION`: areas overlap, so that nobody knows what a byte of them is.
 */
export function mappableAreas(info: VfioRegionInfo, what: string): OffsetRange[] {
  const { canMap, size, sparseAreas = [{ offset: 0n, size }] } = info;
  if (!canMap) return [];
  const areas = sparseAreas
    .filter((area) => area.size > 0n && area.offset < size)
    .map(({ offset, size: bytes }) => ({ offset, size: smaller(bytes, size - offset) }))
    .sort((a, b) => (a.offset < b.offset ? -1 : 1));
  for (const [i, area] of areas.entries()) {
    const next = areas[i + 1];
    if (next === undefined || area.offset + area.size <= next.offset) continue;
    throw new FlatviewError(
      'ERR_DEVICE_DESCRIPTION',
      `${what}: the areas that can be mapped overlap, ${hex(area.size)} bytes at ${hex(area.offset)} and ${hex(next.size)} at ${hex(next.offset)}`,
    );
  }
  return areas;
}

/** Areas that share a host page, so that one mapping shows them all; others are mapped by themselves. */
export interface AreaGroup {
  /** The whole pages that hold them. */
  readonly pages: OffsetRange;
  /** Ascending, at least one. */
  readonly areas: readonly OffsetRange[];
}

/** Puts ascending areas that share a page of `pageSize` bytes together. */
export function groupByPages(areas: readonly OffsetRange[], pageSize: bigint): AreaGroup[] {
  const groups: { pages: OffsetRange; areas: OffsetRange[] }[] = [];
  for (const area of areas) {
    const pages = outward(area, pageSize);
    const last = groups.at(-1);
    if (last === undefined || last.pages.offset + last.pages.size <= pages.offset) {
      groups.push({ pages, areas: [area] });
      continue;
    }
    last.areas.push(area);
    last.pages = { offset: last.pages.offset, size: pages.offset + pages.size - last.pages.offset };
  }
  return groups;
}
