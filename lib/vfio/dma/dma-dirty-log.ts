import { smaller, wholeRange } from '../../address.js';
import type { MappedSpace } from '../../mapping/mapped-space.js';
import { type AddressRange, endOf, type PageMapping } from '../../mapping/page-mapping.js';
import { common } from '../../mapping/range-sweep.js';
import { markWritten, writtenPages } from '../../mapping/written-pages.js';
import { type MappingRun, runsOf } from './dma-calls.js';
import type { DmaDirtyTracking, DmaSpace } from './dma-space.js';

/** Bitmaps of several mappings are no larger than this: that of 64 GiB in pages of 4 KiB. */
const bitmapBytes = 1n << 21n;

/** 2^64 bytes don't fit the kernel's field. */
const longestUnmap = 1n << 63n;

const bitsPerByte = 8n;
const bitsPerWord = 64n;

/**
 * Which pages devices wrote, while all memory is watched: carried to the regions that they belong to.
 *
 * Where the kernel keeps no account, every page that devices can write counts as written whenever somebody asks, and when
 * it is unmapped. Pages that they can't write never do.
 */
export class DmaDirtyLog {
  readonly #space: DmaSpace;
  readonly #mapped: MappedSpace<PageMapping>;
  #isOn = false;

  constructor(space: DmaSpace, mapped: MappedSpace<PageMapping>) {
    this.#space = space;
    this.#mapped = mapped;
  }

  /** Bytes of the longest run of mappings that can be unmapped by one call. */
  get longestRun(): bigint {
    const tracking = this.#isOn ? this.#space.dirtyTracking : undefined;
    if (tracking === undefined) return longestUnmap;
    return smaller(bitmapBytes, tracking.largestBitmapBytes) * bitsPerByte * smallestPage(tracking);
  }

  /** @throws `ERR_SYSTEM_CALL` */
  start(): void {
    if (this.#isOn) return;
    this.#space.dirtyTracking?.start();
    this.#isOn = true;
  }

  /** @throws `ERR_SYSTEM_CALL` */
  stop(): void {
    if (!this.#isOn) return;
    this.#space.dirtyTracking?.stop();
    this.#isOn = false;
  }

  /** Marks what was written of the mappings that touch `window`. */
  fetch(window: AddressRange): void {
    if (!this.#isOn) return;
    const mappings = this.#mapped.mappingsTouching(window).filter(({ readonly }) => !readonly);
    const tracking = this.#space.dirtyTracking;
    if (tracking === undefined) {
      for (const mapping of mappings) this.#mark(mapping);
      return;
    }
    for (const run of runsOf(mappings, this.longestRun)) this.#read(run, tracking);
  }

  /** Unmaps `run`, and marks what was written of it until then. */
  unmap({ address, size, mappings }: MappingRun): void {
    const tracking = this.#isOn ? this.#space.dirtyTracking : undefined;
    if (tracking === undefined) {
      this.#space.unmap({ address, size });
      if (this.#isOn) for (const mapping of mappings) this.#mark(mapping);
      return;
    }
    const bitmap = bitmapFor(size, tracking);
    this.#space.unmap({ address, size }, { pageSize: smallestPage(tracking), bitmap });
    this.#markWritten({ address, size }, bitmap, tracking);
  }

  #read(part: AddressRange, tracking: DmaDirtyTracking): void {
    // The kernel takes the end of the last page of all for 0 (vfio_iommu_type1: VFIO_IOMMU_DIRTY_PAGES).
    if (endOf(part) === wholeRange) {
      this.#mark(part);
      return;
    }
    const bitmap = bitmapFor(part.size, tracking);
    const pageSize = smallestPage(tracking);
    tracking.read({ iova: part.address, size: part.size, pageSize, bitmap });
    this.#markWritten(part, bitmap, tracking);
  }

  #markWritten(part: AddressRange, bitmap: BigUint64Array, tracking: DmaDirtyTracking): void {
    const pageSize = smallestPage(tracking);
    for (const { first, end } of writtenPages(bitmap)) {
      const address = part.address + BigInt(first) * pageSize;
      this.#mark(common(part, { address, size: BigInt(end - first) * pageSize }));
    }
  }

  /** `pages` were written, as far as devices can. */
  #mark(pages: AddressRange): void {
    for (const mapping of this.#mapped.mappingsTouching(pages)) {
      if (mapping.readonly) continue;
      const written = common(mapping, pages);
      for (const range of this.#mapped.rangesTouching(written)) markWritten(range, written);
    }
  }
}

/** The kernel takes no other page size than the smallest that it counts in. */
function smallestPage({ pageSizes }: DmaDirtyTracking): bigint {
  return pageSizes & -pageSizes;
}

function bitmapFor(size: bigint, tracking: DmaDirtyTracking): BigUint64Array {
  const pages = size / smallestPage(tracking);
  return new BigUint64Array(Number((pages + bitsPerWord - 1n) / bitsPerWord));
}
