/** A part of an access that no bus would have to divide: 1, 2 or 4 bytes, at a multiple of that. */
export interface AlignedPart {
  readonly offset: number;
  readonly size: 1 | 2 | 4;
  /** Bytes of the access that come before it. */
  readonly skipped: number;
}

/** All ones in as many bytes: what a read of nothing gives. */
export function allOnes(size: number): number {
  return size >= 4 ? 0xffff_ffff : (1 << (8 * size)) - 1;
}

/** An access of `size` bytes at `offset` in aligned parts, ascending, without what lies below 0 or from `end` on. */
export function alignedParts(offset: number, size: number, end: number): AlignedPart[] {
  const parts: AlignedPart[] = [];
  const last = Math.min(offset + size, end);
  for (let at = Math.max(offset, 0); at < last; ) {
    const fits = (width: number): boolean => at % width === 0 && at + width <= last;
    const width = fits(4) ? 4 : fits(2) ? 2 : 1;
    parts.push({ offset: at, size: width, skipped: at - offset });
    at += width;
  }
  return parts;
}
