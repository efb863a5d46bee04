import type { AddressRange } from '../../mapping/page-mapping.js';

/** The ranges that the addon says by words: first and last IOVA of each. */
export function iovaRanges(words: BigUint64Array): readonly AddressRange[] {
  return Array.from({ length: words.length / 2 }, (_, index) => {
    const [address = 0n, last = 0n] = words.subarray(2 * index);
    return { address, size: last - address + 1n };
  });
}
