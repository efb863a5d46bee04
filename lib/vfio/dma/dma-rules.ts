import { larger, smaller, wholeRange } from '../../address.js';
import type { Cuts, MappingRules, Reason } from '../../mapping/mapping-rules.js';
import { type AddressRange, endOf } from '../../mapping/page-mapping.js';
import { united } from '../../mapping/range-sweep.js';
import type { RegionKind } from '../../memory/commit/region-state.js';
import { RamRegion } from '../../memory/regions/ram-region.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import type { DmaSpace, DmaSpaceLimits } from './dma-space.js';
import { TranslatedRange } from './translated-range.js';

/**
 * What the embedder decides about what devices reach.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { type DmaChoices, dmaSpaceOf, VfioDmaMapper } from 'flatview/vfio';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0x0n, topology.ram('pc.ram', 0x10_0000n));
 * system.addSubregion(0x10_0000n, topology.ram('enclave', 0x1_0000n));
 * const memory = topology.addressSpace('memory', system);
 *
 * const choices: DmaChoices = { isProtected: ({ name }) => name === 'enclave' };
 * using iommufd = new SimulatedVfio().openIommufd();
 * const mapper = new VfioDmaMapper(dmaSpaceOf(iommufd.allocateIoas()), choices);
 * memory.addListener(mapper);
 * mapper.mappings.map(({ region }) => region.name); // => ['pc.ram']
 * mapper.refusals.map(({ code, range }) => [code, range.region.name]); // => [['protected', 'enclave']]
 * topology.close();
 * ```
 */
export interface DmaChoices {
  /**
   * Whether the devices may reach this region of another device's memory (peer to peer). Default: they may. The answer
   * is asked for whenever a place is planned where the region shows.
   */
  readonly peerToPeer?: ((region: RamRegion) => boolean) | undefined;
  /** Whether the memory is private to the guest, so that no device can be let see it (QEMU: RAM_PROTECTED). Default: none is. */
  readonly isProtected?: ((region: RamRegion) => boolean) | undefined;
}

/** The dirty bitmap of one mapping has 2^31 bits at most, so with pages of 4 KiB this is half of the largest one. */
const largestMapping = 1n << 42n;

/** Addresses from here on are those of 64-bit BARs that are being sized; only what an IOMMU translates can lie there. */
const transientAddresses = 1n << 63n;

/** What of a device's address space can be mapped in a {@link DmaSpace}, and in which pieces. */
export class DmaRules implements MappingRules {
  readonly pageSize: bigint;
  readonly processPageSize: bigint;
  readonly largestMapping = largestMapping;
  readonly kinds: ReadonlySet<RegionKind> = new Set<RegionKind>(['ram', 'rom', 'ram-device']);
  readonly canMapReadonly = true;
  /** Bytes of the pieces in which RAM is mapped. */
  pieceSize = largestMapping;
  /** How many times as large pieces and granules are, when mappings are short: a power of two. */
  scale = 1n;
  readonly #choices: DmaChoices;
  readonly #mapsDeviceMemory: boolean;
  #windows: readonly AddressRange[] = [];
  #ordinaryWindows: readonly AddressRange[] = [];

  constructor(space: DmaSpace, limits: DmaSpaceLimits, choices: DmaChoices) {
    this.processPageSize = space.hostPageSize;
    this.pageSize = larger(space.hostPageSize, limits.granule);
    this.#mapsDeviceMemory = space.mapsDeviceMemory;
    this.#choices = choices;
    this.iovaRanges = limits.iovaRanges;
  }

  /** Where can be mapped, as the kernel says it. */
  set iovaRanges(ranges: readonly AddressRange[] | undefined) {
    this.#windows = united(ranges ?? [{ address: 0n, size: wholeRange }]);
    this.#ordinaryWindows = this.#windows
      .filter(({ address }) => address < transientAddresses)
      .map((window) => ({
        address: window.address,
        size: smaller(endOf(window), transientAddresses) - window.address,
      }));
  }

  readonly windows = (range: FlatRange): readonly AddressRange[] =>
    range instanceof TranslatedRange ? this.#windows : this.#ordinaryWindows;

  /** Nobody is told per mapping which pages are written. */
  readonly canWatch = (): boolean => false;

  readonly cuts = (range: FlatRange): Cuts => {
    const { region } = range;
    if (range instanceof TranslatedRange || region.kind === 'ram-device') {
      return { size: largestMapping, origin: 0n };
    }
    const { discardManager, memory } = region as RamRegion;
    if (discardManager === undefined) {
      const size = larger(this.pieceSize * this.scale, memory?.pageSize ?? 0n);
      return { size: smaller(size, largestMapping), origin: 0n };
    }
    // Each granule by itself, so that it can go without its neighbours.
    const size = larger(discardManager.granularity, this.pageSize) * this.scale;
    return {
      size: smaller(size, largestMapping),
      origin: this.#onPage(range.address - range.offset),
    };
  };

  readonly refuse = (range: FlatRange): Reason | undefined => {
    if (range instanceof TranslatedRange && range.obstacle !== undefined) return range.obstacle;
    const { region } = range;
    if (!(region instanceof RamRegion)) return undefined;
    if (this.#choices.isProtected?.(region)) return hidden;
    if (region.kind !== 'ram-device') return undefined;
    if (!this.#mapsDeviceMemory) return deviceMemory;
    return (this.#choices.peerToPeer?.(region) ?? true) ? undefined : leftOut;
  };

  #onPage(address: bigint): bigint {
    return address - (address % this.pageSize);
  }
}

const hidden: Reason = {
  code: 'protected',
  detail: () => 'it is private to the guest; no device can see it',
};

const leftOut: Reason = {
  code: 'opt-out',
  detail: () => 'other devices are not to reach it (peerToPeer)',
};

const deviceMemory: Reason = {
  code: 'device-memory',
  detail: () =>
    "iommufd pins pages, which a device's memory has none of (IOMMU_IOAS_MAP answers EFAULT): no peer-to-peer by it",
};
