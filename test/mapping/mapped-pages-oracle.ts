// What pages show, from the rules, as slowly and plainly as they can be written down: byte by byte.

import type { FlatRange, RamRegion } from '../../lib/index.js';
import { HostMemory } from '../../lib/index.js';

/** The memory of this process that answers at an address, and whether for reading alone. */
export interface Backing {
  readonly hostAddress: bigint;
  readonly readonly: boolean;
}

/** How the bytes of a page are told apart: edges of ranges in tests are multiples of this. */
export const grain = 0x80n;

/** What answers at `address`, were it not for pages. */
export function backingOf(ranges: readonly FlatRange[], address: bigint): Backing | undefined {
  const range = ranges.find((it) => it.contains(address));
  const memory = (range?.region as RamRegion | undefined)?.memory;
  if (range === undefined || !(memory instanceof HostMemory)) return undefined;
  const isFlash = range.region.kind === 'rom-device';
  if (isFlash && !range.romd) return undefined;
  return {
    hostAddress: memory.hostAddress + range.offset + (address - range.address),
    readonly: range.readonly || isFlash,
  };
}

/** What the page at `page` can show as a whole: every byte of it, in order, of one page of this process. */
export function pageOf(
  ranges: readonly FlatRange[],
  page: bigint,
  pageSize: bigint,
): Backing | undefined {
  const first = backingOf(ranges, page);
  if (first === undefined || first.hostAddress % pageSize !== 0n) return undefined;
  for (let at = 0n; at < pageSize; at += grain) {
    const here = backingOf(ranges, page + at);
    if (here?.hostAddress !== first.hostAddress + at) return undefined;
    if (here.readonly !== first.readonly) return undefined;
  }
  return first;
}
