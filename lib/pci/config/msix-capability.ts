import { hex } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import type { BarIndex } from '../bars/bar.js';
import { checkVectorCount, msixEntrySize, pendingBitsSize } from '../msix/msix-layout.js';
import { addCapability, capabilityId } from './capabilities.js';
import type { ConfigSpace } from './config-space.js';

/** Where a structure of MSI-X lies. */
export interface MsixPlace {
  /** The BAR that it lies in. */
  readonly bar: BarIndex;
  /** Within the BAR: a multiple of 8. */
  readonly offset: number;
}

/** An MSI-X capability. */
export interface MsixCapability {
  /** Vectors: 1 to 2048. */
  readonly vectors: number;
  /** Where the table is. */
  readonly table: MsixPlace;
  /** Where the array of pending bits is. */
  readonly pendingBits: MsixPlace;
  /** See {@link Capability.offset}. */
  readonly offset?: number;
}

/** Registers of the capability (PCI Local Bus Specification 3.0, 6.8.2). */
const register = { control: 2, table: 4, pendingBits: 8 } as const;

const size = 12;

/** Bits that a guest sets: the function mask, and MSI-X enable. */
const controlBits = 0xc000;

/**
 * Adds an MSI-X capability. What is in the BARs that it names is not made here.
 *
 * @returns Its offset.
 * @throws `ERR_INVALID_ARGUMENT`: a number of vectors or a place that MSI-X doesn't have, or the pending bits overlap the table; as
 *   {@link addCapability}.
 *
 * @example
 * ```ts
 * import { addMsix, ConfigSpace, type MsixCapability, type MsixPlace } from 'flatview/pci';
 *
 * const table: MsixPlace = { bar: 0, offset: 0x2000 };
 * const pendingBits: MsixPlace = { bar: 0, offset: 0x3000 };
 * const nvme: MsixCapability = { vectors: 65, table, pendingBits };
 * const config = new ConfigSpace();
 * const at = addMsix(config, nvme);
 * // Message control says one less than there are; a guest sets enable and the function mask, and nothing else.
 * config.read(at + 2, 2); // => 64
 * config.write(at + 2, 2, 0xffff);
 * config.read(at + 2, 2); // => 0xc040
 * ```
 */
export function addMsix(config: ConfigSpace, msix: MsixCapability): number {
  const { vectors, table, pendingBits, offset } = msix;
  checkVectorCount(vectors);
  const places = [placeRegister(table, 'table'), placeRegister(pendingBits, 'pending bits')];
  checkApart(msix);
  const at = addCapability(config, { id: capabilityId.msix, size, offset });
  config.set(at + register.control, 2, vectors - 1);
  config.makeWritable(at + register.control, 2, controlBits);
  config.fix(at + register.control, 2, ~controlBits);
  for (const [i, place] of places.entries()) {
    const where = i === 0 ? register.table : register.pendingBits;
    config.set(at + where, 4, place);
    config.fix(at + where, 4, 0xffff_ffff);
  }
  return at;
}

function checkApart({ vectors, table, pendingBits }: MsixCapability): void {
  const tableSize = vectors * Number(msixEntrySize);
  const isApart =
    table.bar !== pendingBits.bar ||
    table.offset + tableSize <= pendingBits.offset ||
    pendingBits.offset + Number(pendingBitsSize(vectors)) <= table.offset;
  if (isApart) return;
  throw new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    `MSI-X pending bits at ${hex(pendingBits.offset)} of BAR ${pendingBits.bar}: they overlap the table, ${hex(tableSize)} bytes at ${hex(table.offset)}`,
  );
}

function placeRegister({ bar, offset }: MsixPlace, what: string): number {
  const isOffset = Number.isInteger(offset) && offset >= 0 && offset < 2 ** 32 && offset % 8 === 0;
  if (isOffset && bar >= 0 && bar <= 5) return offset + bar;
  throw new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    `MSI-X ${what} at ${hex(offset)} of BAR ${bar}: not a multiple of 8 in BAR 0 to 5`,
  );
}
