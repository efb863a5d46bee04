import { larger, smaller } from '../../address.js';
import { type AddressRange, endOf } from '../../mapping/page-mapping.js';
import { SortedRanges } from '../../mapping/sorted-ranges.js';
import type { DmaMapping } from '../../vfio/vfio-interface.js';

/** What an IOMMU translates. */
export interface IommuRules {
  /** Bytes of a page of the host. */
  readonly pageSize: bigint;
  /** Sizes of the IOMMU's own pages: bit n is set for 2^n. */
  readonly pageSizes: bigint;
  /** Where can be mapped, ascending. */
  readonly iovaRanges: readonly AddressRange[];
}

/** A mapping as a simulated kernel keeps it. */
export interface KernelMapping extends AddressRange {
  /** First IOVA. */
  readonly address: bigint;
  /** In bytes. */
  readonly size: bigint;
  /** Address in this process of what it shows: `vaddr`, `user_va`. */
  readonly hostAddress: bigint;
  /** Whether devices may read it. */
  readonly read: boolean;
  /** Whether devices may write it. */
  readonly write: boolean;
  /** Bytes that are pinned for it. */
  readonly pinned: bigint;
}

/** A part of a device's access that one mapping takes. */
export interface MappedAccess extends AddressRange {
  readonly mapping: KernelMapping;
  readonly hostAddress: bigint;
}

/** The mappings of an IO address space, by IOVA. */
export class DmaMappings {
  readonly #ranges = new SortedRanges<KernelMapping>();

  get all(): readonly KernelMapping[] {
    return this.#ranges.all;
  }

  get count(): number {
    return this.#ranges.count;
  }

  touching(range: AddressRange): readonly KernelMapping[] {
    return this.#ranges.touching(range);
  }

  add({ iova, size, hostAddress, read, write }: DmaMapping, pinned: bigint): void {
    this.#ranges.add({ address: iova, size, hostAddress, read, write, pinned });
  }

  /** Puts another one in the place of one with the same addresses. */
  replace(mapping: KernelMapping): void {
    this.#ranges.replace([mapping], [mapping]);
  }

  delete({ address }: KernelMapping): void {
    this.#ranges.delete(address);
  }

  /** Whether a mapping reaches out of the range on one side. */
  isCutBy(range: AddressRange): boolean {
    return this.touching(range).some(
      (mapping) => mapping.address < range.address || endOf(mapping) > endOf(range),
    );
  }

  /** The mappings that take an access of a device; `undefined` where one of its bytes is not mapped. */
  translate(range: AddressRange): readonly MappedAccess[] | undefined {
    const parts: MappedAccess[] = [];
    let at = range.address;
    for (const mapping of this.touching(range)) {
      if (mapping.address > at) return undefined;
      const first = larger(mapping.address, range.address);
      const size = smaller(endOf(mapping), endOf(range)) - first;
      const hostAddress = mapping.hostAddress + (first - mapping.address);
      parts.push({ mapping, address: first, size, hostAddress });
      at = first + size;
    }
    return at < endOf(range) ? undefined : parts;
  }
}

/** Whether one of `ranges` holds all of `range`. */
export function holdsWhole(ranges: readonly AddressRange[], range: AddressRange): boolean {
  return ranges.some((it) => range.address >= it.address && endOf(range) <= endOf(it));
}

/** The smallest page of an IOMMU as the host uses it: smaller ones than the host's own are not offered. */
export function smallestPage({ pageSize, pageSizes }: IommuRules): bigint {
  return larger(pageSize, pageSizes & -pageSizes);
}
