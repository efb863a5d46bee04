import { roundUp } from '../../address.js';
import { type AccessWidth, HostMemory } from '../../memory/host-memory.js';
import type { SimulatedBar, SimulatedRegisters } from './device-description.js';

/** Real memory for a BAR: whole pages of a simulated host, which may be larger than this host's. */
export function allocateBarBytes(
  { size, contents }: SimulatedBar,
  pageSize: bigint,
  name: string,
): HostMemory {
  const whole = roundUp(size, pageSize);
  const room = HostMemory.allocate(whole + pageSize, { name, transparentHugePages: false });
  const bytes = HostMemory.at(roundUp(room.hostAddress, pageSize), whole, room);
  if (contents !== undefined) bytes.copyIn(0n, contents);
  return bytes;
}

/** What answers the registers of a BAR that has no code of its own. */
export function plainRegisters(bytes: HostMemory): SimulatedRegisters {
  return {
    read: (offset, width) => bytes.load(offset, width),
    write: (offset, value, width) => bytes.store(offset, width, value),
  };
}

/**
 * The accesses that the kernel makes of one of `width` bytes: of the largest aligned widths (vfio_pci_core_do_io_rw).
 *
 * @param widest 8 since Linux 6.10, 4 before.
 */
export function splitAccess(
  offset: bigint,
  width: number,
  widest: 4 | 8,
): readonly { readonly offset: bigint; readonly width: AccessWidth }[] {
  const parts: { offset: bigint; width: AccessWidth }[] = [];
  let at = offset;
  const end = offset + BigInt(width);
  while (at < end) {
    const fits = (size: number): boolean => at % BigInt(size) === 0n && at + BigInt(size) <= end;
    const part = ([8, 4, 2, 1] as const).find((size) => size <= widest && fits(size)) ?? 1;
    parts.push({ offset: at, width: part });
    at += BigInt(part);
  }
  return parts;
}
