import type { MemoryRegion } from '../memory/regions/memory-region.js';

/** Bytes at an address: of a guest, or of a device. */
export interface AddressRange {
  /** The first address. */
  readonly address: bigint;
  /** In bytes. */
  readonly size: bigint;
}

/** Whole pages of an address space that show memory of this process: a slot of KVM, a DMA mapping of VFIO. */
export interface PageMapping extends AddressRange {
  /** First address in the address space: guest-physical, or an IOVA. A multiple of the page size. */
  readonly address: bigint;
  /** Size in bytes, a multiple of the page size. */
  readonly size: bigint;
  /** Address of the first byte in this process, a multiple of the page size. */
  readonly hostAddress: bigint;
  /** Whether writes are not let through. */
  readonly readonly: boolean;
  /** Whether reads are not let through: only what an IOMMU translates. Default: false. */
  readonly writeonly?: boolean;
  /** Whether somebody wants to know which pages are written. */
  readonly dirtyLog: boolean;
  /** The region that the first byte belongs to. The last page may show the beginning of another one, too. */
  readonly region: MemoryRegion;
  /** Offset of the first byte within the region. */
  readonly offset: bigint;
}

/** The first address behind `range`. */
export function endOf(range: AddressRange): bigint {
  return range.address + range.size;
}

/** Whether two mappings show the same at each address that both have, and let the same accesses through. */
export function showTheSame(a: PageMapping, b: PageMapping): boolean {
  return (
    a.hostAddress - a.address === b.hostAddress - b.address &&
    a.readonly === b.readonly &&
    (a.writeonly ?? false) === (b.writeonly ?? false)
  );
}

/** The part of `mapping` from `start` up to, not including, `end`, which must lie within it. */
export function partOf(mapping: PageMapping, start: bigint, end: bigint): PageMapping {
  if (start === mapping.address && end === endOf(mapping)) return mapping;
  const skipped = start - mapping.address;
  const part = {
    address: start,
    size: end - start,
    hostAddress: mapping.hostAddress + skipped,
    readonly: mapping.readonly,
    dirtyLog: mapping.dirtyLog,
    region: mapping.region,
    offset: mapping.offset + skipped,
  };
  return mapping.writeonly ? { ...part, writeonly: true } : part;
}
