// Flat ranges as short lines that tests can spell out.

import type { AddressSpace, FlatRange } from '../../lib/index.js';

/** `0x1000-0x1fff ram+0x800 ro nv um`: range, region and offset, then what it has of read-only, nonvolatile, unmergeable. */
export function rangeLine(range: FlatRange): string {
  const last = range.address + range.size - 1n;
  const offset = range.offset === 0n ? '' : `+${hex(range.offset)}`;
  const marks = [
    range.readonly ? ' ro' : '',
    range.nonvolatile ? ' nv' : '',
    range.unmergeable ? ' um' : '',
  ];
  return `${hex(range.address)}-${hex(last)} ${range.region.name}${offset}${marks.join('')}`;
}

/** What an address space shows. */
export function viewLines(space: AddressSpace): string[] {
  return Array.from(space.flatView.ranges(), rangeLine);
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
