import { hex } from '../address.js';
import { FlatviewError } from '../errors.js';
import type { RegionKind } from '../memory/commit/region-state.js';
import { RamRegion } from '../memory/regions/ram-region.js';
import { RomDeviceRegion } from '../memory/regions/rom-device-region.js';
import type { FlatRange } from '../memory/views/flat-view.js';
import type { AddressRange } from './page-mapping.js';
import type { RefusalCode } from './refusal.js';

/**
 * What a consumer of flat ranges can map.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   type AddressRange,
 *   type Cuts,
 *   type MappingRules,
 *   mapPages,
 *   type Reason,
 * } from 'flatview/mapping';
 *
 * const below4GiB: AddressRange = { address: 0x0n, size: 1n << 32n };
 * const largePages: Cuts = { size: 0x20_0000n, origin: 0x0n };
 * const secret: Reason = { code: 'opt-out', detail: () => 'it belongs to the firmware' };
 * const rules: MappingRules = {
 *   pageSize: 0x1000n,
 *   largestMapping: 1n << 30n,
 *   kinds: new Set(['ram']),
 *   canMapReadonly: false,
 *   windows: [below4GiB],
 *   cuts: () => largePages,
 *   refuse: ({ region }) => (region.name === 'smram' ? secret : undefined),
 * };
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x40_0000n));
 * system.addSubregion(0x3000_0000n, topology.ram('smram', 0x10_0000n));
 * system.addSubregion(0x1_0000_0000n, topology.ram('dimm', 0x20_0000n));
 * const { flatView } = topology.addressSpace('memory', system);
 * const { mappings, refusals } = mapPages(flatView.ranges(), rules);
 * mappings.map(({ address, size }) => [address, size]);
 * // => [[0x0n, 0x20_0000n], [0x20_0000n, 0x20_0000n]]
 * refusals.map(({ code }) => code); // => ['opt-out', 'out-of-window']
 * topology.close();
 * ```
 */
export interface MappingRules {
  /** Bytes of its pages, a power of two. */
  readonly pageSize: bigint;
  /**
   * Bytes of the largest mapping, a power of two. Longer ones are cut at multiples of it, so that a cut stays where it
   * is when a range grows or shrinks.
   */
  readonly largestMapping: bigint;
  /** Where mappings of a range are cut, if not at multiples of the largest mapping. */
  readonly cuts?: (range: FlatRange) => Cuts;
  /**
   * Bytes of a page of this process, where these are smaller than the consumer's: what fits these alone is refused as
   * `iommu-page`. Default: they aren't.
   */
  readonly processPageSize?: bigint;
  /** The kinds of region that it maps. */
  readonly kinds: ReadonlySet<RegionKind>;
  /** Whether it can map for reading alone. */
  readonly canMapReadonly: boolean;
  /** Whether it can say which pages of a range are written. Default: of all. */
  readonly canWatch?: (range: FlatRange) => boolean;
  /** Where it can map, or where a range can be mapped: ascending, none touching the next. Default: everywhere. */
  readonly windows?:
    | readonly AddressRange[]
    | ((range: FlatRange) => readonly AddressRange[])
    | undefined;
  /** A reason of its own to leave a range out: the same for all that shows of a region in one way. */
  readonly refuse?: (range: FlatRange) => Reason | undefined;
  /** Where the first byte of a region lies in this process. Default: where its memory does, if it has any. */
  readonly hostAddressOf?: (region: RamRegion) => bigint;
}

/** Addresses at which mappings are cut: `origin`, and all that are a multiple of `size` away from it. */
export interface Cuts {
  /** Bytes, whole pages, at most the largest mapping. */
  readonly size: bigint;
  /** Whole pages; may be negative. */
  readonly origin: bigint;
}

/** Why a range is not mapped. */
export interface Reason {
  /** Stable code of the reason. */
  readonly code: RefusalCode;
  /** For people. */
  readonly detail: () => string;
}

/** What stands behind a range that can be mapped. */
export interface Backing {
  /** What is added to an address to get the one in this process; may be negative. */
  readonly delta: bigint;
  readonly readonly: boolean;
  readonly writeonly: boolean;
}

/** @throws `ERR_INVALID_ARGUMENT` unless page size and largest mapping are powers of two, the latter not smaller. */
export function checkRules({ pageSize, largestMapping }: MappingRules): void {
  const isPower = (value: bigint): boolean => value > 0n && (value & (value - 1n)) === 0n;
  if (isPower(pageSize) && isPower(largestMapping) && pageSize <= largestMapping) return;
  throw new FlatviewError(
    'ERR_INVALID_ARGUMENT',
    `pages of ${hex(pageSize)} bytes, mappings of up to ${hex(largestMapping)}: not powers of two, or too small`,
  );
}

/**
 * Whether `range` can be mapped, wherever its edges are. The order of the reasons is QEMU's
 * (vfio_listener_region_add): what it is comes before where it lies.
 */
export function judge(range: FlatRange, rules: MappingRules): Backing | Reason {
  const { region } = range;
  const own = rules.refuse?.(range);
  if (own !== undefined) return own;
  if (!rules.kinds.has(region.kind) || !(region instanceof RamRegion)) {
    return { code: 'not-ram', detail: () => `this is ${region.kind}, not memory` };
  }
  if (region instanceof RomDeviceRegion && !range.romd) {
    return { code: 'romd-off', detail: () => 'reads go to the callbacks of the rom device' };
  }
  const { memory } = region;
  const base = rules.hostAddressOf?.(region) ?? (memory?.closed ? undefined : memory?.hostAddress);
  if (base === undefined) {
    const why = memory === undefined ? 'the region has no memory' : "the region's memory is closed";
    return { code: 'no-host-memory', detail: () => why };
  }
  const readonly = range.readonly || region instanceof RomDeviceRegion;
  if (readonly && !rules.canMapReadonly) {
    return {
      code: 'readonly-unsupported',
      detail: () => 'nothing can be mapped for reading alone',
    };
  }
  const hostAddress = base + range.offset;
  const delta = hostAddress - range.address;
  return delta % rules.pageSize === 0n
    ? { delta, readonly, writeonly: range.writeonly }
    : notCongruent(range.address, hostAddress, rules);
}

function notCongruent(
  address: bigint,
  hostAddress: bigint,
  { pageSize, processPageSize = pageSize }: MappingRules,
): Reason {
  const isWhole = (hostAddress - address) % processPageSize === 0n;
  const detail = (): string =>
    `it begins ${hex(address % pageSize)} bytes into a page of the guest, but ${hex(hostAddress % pageSize)} into one of this process`;
  return { code: isWhole && processPageSize < pageSize ? 'iommu-page' : 'not-congruent', detail };
}
