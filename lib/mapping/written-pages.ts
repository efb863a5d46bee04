import { RamRegion } from '../memory/regions/ram-region.js';
import type { FlatRange } from '../memory/views/flat-view.js';
import type { AddressRange } from './page-mapping.js';
import { common } from './range-sweep.js';

/** Pages from `first` up to, not including, `end`, counted within what a bitmap is of. */
export interface Pages {
  readonly first: number;
  readonly end: number;
}

/** Marks what `range` has of `pages` as written, for those who watch it. */
export function markWritten(range: FlatRange, pages: AddressRange): void {
  const { region, dirtyLogMask } = range;
  const { address, size } = common(range, pages);
  if (size <= 0n || dirtyLogMask === 0 || !(region instanceof RamRegion)) return;
  region.dirtyPages.set(range.offset + (address - range.address), size, dirtyLogMask);
}

/** The pages whose bits are set in a kernel's bitmap, neighbours together. */
export function* writtenPages(bitmap: BigUint64Array): IterableIterator<Pages> {
  const halves = new Uint32Array(bitmap.buffer, bitmap.byteOffset, bitmap.length * 2);
  let first = -1;
  let end = -1;
  // By index: there are half a million of them in 64 GiB, and most are 0.
  for (let index = 0; index < halves.length; index++) {
    for (let rest = halves[index] ?? 0; rest !== 0; rest &= rest - 1) {
      const page = index * 32 + (31 - Math.clz32(rest & -rest));
      if (page !== end) {
        if (first >= 0) yield { first, end };
        first = page;
      }
      end = page + 1;
    }
  }
  if (first >= 0) yield { first, end };
}
