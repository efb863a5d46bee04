import { wholeRange } from '../../address.js';
import { type AddressRange, endOf } from '../../mapping/page-mapping.js';
import type { DirtyBitmapRequest, DmaMapping, VfioIommuInfo } from '../../vfio/vfio-interface.js';
import { refuseIf } from '../errno.js';
import {
  DmaMappings,
  holdsWhole,
  type IommuRules,
  type KernelMapping,
  smallestPage,
} from './dma-mappings.js';
import type { ProcessMemory } from './process-memory.js';

/** What of the kernel decides about the mappings of a container. */
export interface Type1Rules extends IommuRules {
  /** The module's parameter dma_entry_limit: the most mappings. */
  readonly entryLimit: number;
  /** Whether the kernel says where can be mapped, as since Linux 5.4. */
  readonly tellsIovaRanges: boolean;
  /** Whether the kernel says how many mappings are left, as since Linux 5.10. */
  readonly tellsMappingsLeft: boolean;
  /** Whether it tracks dirty pages, as since Linux 5.8. */
  readonly tracksDirty: boolean;
  /**
   * What counts as dirty. `all`: each page that a device can reach, as of devices that don't say what they write: that is what the
   * kernel does for vfio-pci. `written`: the pages that devices have written, as of mediated devices, which pin what they use.
   */
  readonly dirtyScope: 'all' | 'written';
}

/** Bytes of the largest bitmap of dirty pages (DIRTY_BITMAP_SIZE_MAX). */
const largestBitmapBytes = 0x1000_0000n;

/** The mappings of a container, by the kernel's rules (drivers/vfio/vfio_iommu_type1.c). */
export class Type1Iommu {
  readonly mappings = new DmaMappings();
  readonly #rules: Type1Rules;
  readonly #isVersion2: boolean;
  readonly #memory: ProcessMemory;
  readonly #pageSize: bigint;
  /** IOVAs of written pages while they are tracked. */
  #dirty: Set<bigint> | undefined;

  constructor(rules: Type1Rules, isVersion2: boolean, memory: ProcessMemory) {
    this.#rules = rules;
    this.#isVersion2 = isVersion2;
    this.#memory = memory;
    this.#pageSize = smallestPage(rules);
  }

  /** VFIO_IOMMU_GET_INFO. */
  info(): VfioIommuInfo {
    const { pageSize, pageSizes, iovaRanges, entryLimit, ...tells } = this.#rules;
    const hidden = pageSizes & (pageSize - 1n);
    return {
      pageSizes: hidden === 0n ? pageSizes : (pageSizes ^ hidden) | pageSize,
      iovaRanges: tells.tellsIovaRanges ? iovaRanges : undefined,
      mappingsLeft: tells.tellsMappingsLeft ? entryLimit - this.mappings.count : undefined,
      dirtyTracking: tells.tracksDirty
        ? { pageSizes: this.#pageSize, largestBitmapBytes }
        : undefined,
    };
  }

  /** VFIO_IOMMU_MAP_DMA (vfio_dma_do_map). */
  map(mapping: DmaMapping): void {
    const { iova, size, hostAddress, read, write } = mapping;
    refuseIf(!read && !write, 'EINVAL');
    refuseIf(size === 0n || (iova | size | hostAddress) % this.#pageSize !== 0n, 'EINVAL');
    refuseIf(iova + size > wholeRange || hostAddress + size > wholeRange, 'EINVAL');
    const range = { address: iova, size };
    refuseIf(this.mappings.touching(range).length > 0, 'EEXIST');
    refuseIf(this.mappings.count >= this.#rules.entryLimit, 'ENOSPC');
    refuseIf(!holdsWhole(this.#rules.iovaRanges, range), 'EINVAL');
    this.mappings.add(mapping, this.#memory.pin({ address: hostAddress, size }, write, true));
  }

  /** VFIO_IOMMU_UNMAP_DMA (vfio_dma_do_unmap). */
  unmap(range: AddressRange, dirty?: Pick<DirtyBitmapRequest, 'pageSize' | 'bitmap'>): bigint {
    const { address, size } = range;
    if (dirty !== undefined) checkBitmap(size, dirty);
    refuseIf(size === 0n || (address | size) % this.#pageSize !== 0n, 'EINVAL');
    refuseIf(endOf(range) > wholeRange, 'EINVAL');
    const isTracking = this.#dirty !== undefined;
    refuseIf(dirty !== undefined && (!isTracking || dirty.pageSize !== this.#pageSize), 'EINVAL');
    refuseIf(this.#isVersion2 && this.mappings.isCutBy(range), 'EINVAL');
    let unmapped = 0n;
    for (const mapping of this.mappings.touching(range)) {
      // Version 1 takes a mapping away as a whole where the range begins before its middle, and stops at one that began earlier.
      if (mapping.address < address) break;
      if (dirty !== undefined) this.#report(mapping, { iova: address, size, ...dirty });
      unmapped += this.#remove(mapping);
    }
    return unmapped;
  }

  /** VFIO_DMA_UNMAP_FLAG_ALL. */
  unmapAll(): bigint {
    return this.mappings.all.reduce((bytes, mapping) => bytes + this.#remove(mapping), 0n);
  }

  /** VFIO_IOMMU_DIRTY_PAGES: start and stop. */
  setDirtyTracking(on: boolean): void {
    refuseIf(!this.#isVersion2, 'EACCES');
    this.#dirty = on ? (this.#dirty ?? new Set()) : undefined;
  }

  /** VFIO_IOMMU_DIRTY_PAGES: reads which pages were written, and forgets it. */
  getDirtyBitmap(request: DirtyBitmapRequest): void {
    const { iova, size, pageSize } = request;
    refuseIf(!this.#isVersion2, 'EACCES');
    checkBitmap(size, request);
    refuseIf(pageSize !== this.#pageSize || (iova | size) % pageSize !== 0n, 'EINVAL');
    // The kernel adds the two in 64 bits: it takes the end of the last page for 0.
    refuseIf(iova + size >= wholeRange && iova > 0n, 'EINVAL');
    refuseIf(this.#dirty === undefined, 'EINVAL');
    const range = { address: iova, size };
    refuseIf(this.mappings.isCutBy(range), 'EINVAL');
    for (const mapping of this.mappings.touching(range)) this.#report(mapping, request);
  }

  /** A device wrote a range that is mapped. */
  markWritten({ address, size }: AddressRange): void {
    if (this.#dirty === undefined) return;
    const first = address - (address % this.#pageSize);
    for (let page = first; page < address + size; page += this.#pageSize) this.#dirty.add(page);
  }

  #remove(mapping: KernelMapping): bigint {
    this.mappings.delete(mapping);
    this.#memory.unpin(mapping.pinned);
    return mapping.size;
  }

  #report(mapping: KernelMapping, { iova, bitmap }: DirtyBitmapRequest): void {
    for (let page = mapping.address; page < endOf(mapping); page += this.#pageSize) {
      const isDirty = this.#dirty?.delete(page) === true || this.#rules.dirtyScope === 'all';
      if (!isDirty) continue;
      const bit = (page - iova) / this.#pageSize;
      const word = Number(bit / 64n);
      bitmap[word] = (bitmap[word] ?? 0n) | (1n << (bit % 64n));
    }
  }
}

/** verify_bitmap_size. */
function checkBitmap(
  size: bigint,
  { pageSize, bitmap }: Pick<DirtyBitmapRequest, 'pageSize' | 'bitmap'>,
): void {
  refuseIf(pageSize === 0n, 'EINVAL');
  const pages = size / (pageSize & -pageSize);
  const bytes = BigInt(bitmap.byteLength);
  refuseIf(pages === 0n || bytes === 0n || bytes > largestBitmapBytes, 'EINVAL');
  refuseIf(bytes * 8n < pages, 'EINVAL');
}
