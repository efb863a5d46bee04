import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { BarIndex, OffsetRange } from '../bars/bar.js';
import type { PciIdentity } from '../quirks/quirk.js';

/** Bytes of an entry of the MSI-X table (PCI Local Bus Specification 3.0, 6.8.2.6). */
export const msixEntrySize = 16n;

/** Offsets within the capability (6.8.2). */
export const msixRegister = { control: 2, table: 4, pendingBits: 8 } as const;

/** Bits of message control (6.8.2.3). */
export const msixControl = { sizeMask: 0x07ff, functionMask: 0x4000, enable: 0x8000 } as const;

/** Bytes of the capability. */
export const msixCapabilitySize = 12;

/** Bytes of a BAR. */
export interface BarPart extends OffsetRange {
  /** The BAR that it lies in. */
  readonly bar: BarIndex;
}

/** Where a device has its MSI-X table and pending bits. */
export interface MsixLayout {
  /** 1 to 2048. */
  readonly vectorCount: number;
  /** Where the table is. */
  readonly table: BarPart;
  /** Where the array of pending bits is. */
  readonly pendingBits: BarPart;
}

/** Eleven bits of message control say one less than there are (6.8.2.3). */
const mostVectors = 2048;

/** @throws `ERR_INVALID_ARGUMENT`: no table has so many vectors. */
export function checkVectorCount(vectors: number): void {
  if (Number.isInteger(vectors) && vectors >= 1 && vectors <= mostVectors) return;
  throw new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    `MSI-X with ${vectors} vectors: not 1 to ${mostVectors}`,
  );
}

/** Bytes of the pending bits: a bit for each vector, in words of 64 bits (6.8.2.9). */
export function pendingBitsSize(vectorCount: number): bigint {
  return BigInt(Math.ceil(vectorCount / 64) * 8);
}

/**
 * Reads the capability.
 *
 * @param read A register of 2 or 4 bytes, by its offset within the capability.
 */
export function readMsixLayout(read: (offset: number, size: 2 | 4) => number): MsixLayout {
  const vectorCount = (read(msixRegister.control, 2) & msixControl.sizeMask) + 1;
  const table = splitRegister(read(msixRegister.table, 4));
  const pendingBits = splitRegister(read(msixRegister.pendingBits, 4));
  return {
    vectorCount,
    table: { ...table, size: BigInt(vectorCount) * msixEntrySize },
    pendingBits: { ...pendingBits, size: pendingBitsSize(vectorCount) },
  };
}

/** The register that says where the table or the pending bits are: the low three bits are the BAR's number (6.8.2.4). */
export function msixPlaceRegister({ bar, offset }: BarPart): number {
  return Number(offset) | bar;
}

/** What devices say of themselves and isn't so: where their pending bits really are. */
const misplacedPendingBits: readonly {
  readonly vendorId: number;
  readonly isDevice: (device: number) => boolean;
  readonly offset: bigint;
}[] = [
  // Virtual functions of Chelsio's T5 state what is true of the physical ones only.
  { vendorId: 0x1425, isDevice: (device) => (device & 0xff00) === 0x5800, offset: 0x1000n },
  // Baidu's Kunlun, virtual functions.
  { vendorId: 0x1d22, isDevice: (device) => device === 0x3685, offset: 0xb400n },
];

/**
 * Checks that the table and the pending bits lie in BARs that the device has, and apart; where a device is known to state the wrong place,
 * the right one is taken.
 *
 * @param sizeOf Bytes of the memory that the device has at a BAR; 0 where it has none.
 * @throws `ERR_DEVICE_DESCRIPTION`
 */
export function checkedMsixLayout(
  layout: MsixLayout,
  { name, identity }: { readonly name: string; readonly identity: PciIdentity },
  sizeOf: (bar: number) => bigint,
): MsixLayout {
  const { table, pendingBits } = layout;
  const isWithin = ({ bar, offset, size }: BarPart): boolean => offset + size <= sizeOf(bar);
  const known = misplacedPendingBits.find(
    ({ vendorId, isDevice }) => vendorId === identity.vendorId && isDevice(identity.deviceId),
  );
  const fixed =
    known === undefined || isWithin(pendingBits)
      ? pendingBits
      : { ...pendingBits, offset: known.offset };
  const refuse = (part: BarPart, why: string): FlatviewError => {
    const what = part === table ? 'MSI-X table' : 'MSI-X pending bits';
    const where = `${hex(part.size)} bytes at ${hex(part.offset)} of BAR ${part.bar}`;
    return new FlatviewError('ERR_DEVICE_DESCRIPTION', `${name}: the ${what}, ${where}, ${why}`);
  };
  for (const part of [table, fixed]) {
    if (isWithin(part)) continue;
    throw refuse(part, `lead out of it: it has ${hex(sizeOf(part.bar))}`);
  }
  const isApart =
    table.bar !== fixed.bar ||
    table.offset + table.size <= fixed.offset ||
    fixed.offset + fixed.size <= table.offset;
  if (!isApart) throw refuse(fixed, 'overlap the table');
  return { ...layout, pendingBits: fixed };
}

function splitRegister(value: number): { bar: BarIndex; offset: bigint } {
  // Numbers 6 and 7 are reserved: they name no BAR, and checkedMsixLayout finds nothing there.
  return { bar: (value & 7) as BarIndex, offset: BigInt((value & ~7) >>> 0) };
}
