import { hex, larger } from '../../address.js';
import { FlatviewError } from '../../errors.js';
import { RangeSet } from '../../memory/range-set.js';
import type { BarIndex, BarLayout, OffsetRange } from '../bars/bar.js';
import { outward } from '../bars/bar-page-policy.js';
import type { MsixLayout } from './msix-layout.js';

/**
 * Whether the guest finds the MSI-X table elsewhere than the device has it: `off`; in a given BAR, which is made or doubled;
 * or `auto`, where it shares a page with something that would be mapped without it.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { AssignedPciDevice, type MsixRelocation } from 'flatview/pci';
 * import { SimulatedVfio } from 'flatview/simulated';
 *
 * // A host with pages of 64 KiB: the only page of BAR 0 has the table in it, so a guest could be given none of it.
 * const card = { name: '0000:05:00.0', group: 5, cdev: 'vfio0', vendorId: 0x144d, deviceId: 0xa808 };
 * const bars = [{ index: 0, kind: 'memory', size: 0x1_0000n }] as const;
 * const msix = { vectors: 32, tableBar: 0, tableOffset: 0x8000n, pendingOffset: 0x9000n } as const;
 * const host = new SimulatedVfio({ pageSize: 0x1_0000n, devices: [{ ...card, bars, msix }] });
 * const device = host.openCdev('vfio0').bind(host.openIommufd());
 * const topology = new MemoryTopology();
 * const msixRelocation: MsixRelocation = 'auto';
 * const { pageSize } = host;
 * const assigned = new AssignedPciDevice({ topology, device, pageSize, msixRelocation });
 *
 * // The guest finds a BAR of twice the size, and the table in its upper half.
 * const [bar] = assigned.bars;
 * bar?.layout.size; // => 0x2_0000n
 * bar?.windows.map(({ address }) => address); // => [0x1_0000n, 0x1_0200n]
 * topology.close();
 * ```
 */
export type MsixRelocation = 'off' | 'auto' | 0 | 1 | 2 | 3 | 4 | 5;

/** What a guest is told of a device's BARs and MSI-X. */
export interface GuestLayout {
  readonly bars: readonly BarLayout[];
  readonly msix: MsixLayout;
}

/** What a relocation looks at. */
export interface RelocationOptions extends GuestLayout {
  readonly relocation: MsixRelocation;
  /** The parts of the table's BAR that can be mapped, with those of the table where the kernel lets them be. */
  readonly areas: readonly OffsetRange[];
  /** Bytes of a page of the host. */
  readonly pageSize: bigint;
  /** Names the device in messages. */
  readonly name: string;
}

/** Registers keep out of the 4 KiB around table and pending bits (PCI Local Bus Specification 3.0, 6.8.2). */
const reservedSpan = 0x1000n;

/** The largest BAR of 32 bits that a guest finds room for. */
const largest32Bit = 1n << 30n;

/**
 * Where the guest finds table and pending bits. They are moved together, to whole pages of their own: into a BAR that the device
 * doesn't have, or into the upper half of one that is doubled.
 *
 * @throws `ERR_INVALID_ARGUMENT`: they can't be in the BAR that was asked for.
 */
export function relocateMsix(options: RelocationOptions): GuestLayout {
  const { relocation, bars, msix, name } = options;
  if (relocation === 'off') return { bars, msix };
  if (relocation !== 'auto') {
    const moved = movedTo(relocation, options);
    if (typeof moved !== 'string') return moved;
    throw new FlatviewError(
      'ERR_INVALID_ARGUMENT',
      `${name}: the MSI-X table can't be moved to BAR ${relocation}: ${moved}`,
    );
  }
  if (!isInTheWay(options)) return { bars, msix };
  return (
    cheapest(([0, 1, 2, 3, 4, 5] as const).map((index) => movedTo(index, options))) ?? {
      bars,
      msix,
    }
  );
}

/** Whether pages can't be mapped for the sake of the table that hold something else, too. */
function isInTheWay({ msix, areas, pageSize }: RelocationOptions): boolean {
  const { table, pendingBits } = msix;
  const parts = pendingBits.bar === table.bar ? [table, pendingBits] : [table];
  const reserved = new RangeSet();
  for (const part of parts) reserved.add(outward(part, reservedSpan));
  const lost = new RangeSet();
  for (const area of areas) lost.add(area);
  return parts
    .flatMap((part) => lost.within(outward(part, pageSize)))
    .some((part) => reserved.missing(part).length > 0);
}

/** The layout with table and pending bits in BAR `index`, or why they can't be there. */
function movedTo(index: BarIndex, options: RelocationOptions): GuestLayout | string {
  const { bars, msix, pageSize } = options;
  const pendingAt = (msix.table.size + 7n) & ~7n;
  const room = powerOfTwo(larger(pendingAt + msix.pendingBits.size, pageSize));
  const target = targetBar(index, bars, room);
  if (typeof target === 'string') return target;
  const start = bars.some((it) => it.index === index) ? target.size / 2n : 0n;
  return {
    bars: [...bars.filter((it) => it.index !== index), target].sort((a, b) => a.index - b.index),
    msix: {
      vectorCount: msix.vectorCount,
      table: { bar: index, offset: start, size: msix.table.size },
      pendingBits: { bar: index, offset: start + pendingAt, size: msix.pendingBits.size },
    },
  };
}

/** What BAR `index` becomes: a new one of `room` bytes, or one with as much in its upper half. */
function targetBar(index: BarIndex, bars: readonly BarLayout[], room: bigint): BarLayout | string {
  const isTaken = (wanted: number): boolean =>
    bars.some((it) => it.index === wanted || (it.is64Bit && it.index + 1 === wanted));
  const known = bars.find((it) => it.index === index);
  if (known === undefined) {
    if (isTaken(index)) return `it is the upper half of BAR ${index - 1}`;
    const is64Bit = index < 5 && !isTaken(index + 1);
    return { index, kind: 'memory', size: room, is64Bit, isPrefetchable: is64Bit };
  }
  if (known.kind !== 'memory') return `it is ${known.kind}`;
  const size = 2n * larger(known.size, room);
  if (!known.is64Bit && size > largest32Bit)
    return `it would have ${hex(size)} bytes, with 32 bits`;
  return { ...known, size };
}

/** The one that adds least to what the device asks for, and the first of equals. */
function cheapest(candidates: readonly (GuestLayout | string)[]): GuestLayout | undefined {
  const total = ({ bars }: GuestLayout): bigint => bars.reduce((sum, { size }) => sum + size, 0n);
  return candidates
    .filter((it) => typeof it !== 'string')
    .reduce<GuestLayout | undefined>(
      (best, it) => (best === undefined || total(it) < total(best) ? it : best),
      undefined,
    );
}

function powerOfTwo(atLeast: bigint): bigint {
  return 1n << BigInt((atLeast - 1n).toString(2).length);
}
