import { wholeRange } from '../../address.js';
import type { AddressRange } from '../../mapping/page-mapping.js';
import {
  type DirtyBitmapRequest,
  type DmaMapping,
  type Ioas,
  type VfioContainer,
  vfioExtension,
} from '../vfio-interface.js';

/**
 * What a {@link DmaSpace} can map at present. Attaching a device or adding a group can take away from it.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { type DmaSpaceLimits, dmaSpaceOf } from 'flatview/vfio';
 *
 * const host = new SimulatedVfio();
 * using iommufd = host.openIommufd();
 * using ioas = iommufd.allocateIoas();
 *
 * // As long as no device is attached, anything goes.
 * const limits: DmaSpaceLimits = dmaSpaceOf(ioas).limits();
 * limits.granule; // => 1n
 * limits.mappingsLeft; // => undefined
 * ```
 */
export interface DmaSpaceLimits {
  /** What IOVAs and lengths must be multiples of: bytes of the IOMMU's smallest page, a power of two. */
  readonly granule: bigint;
  /** Sizes in bytes of the IOMMU's pages: bit n is set for 2^n; `undefined` where the kernel doesn't say. */
  readonly pageSizes: bigint | undefined;
  /** Where can be mapped, ascending; `undefined` where the kernel doesn't say: then everywhere, until it refuses. */
  readonly iovaRanges: readonly AddressRange[] | undefined;
  /** How many more mappings there can be; `undefined` where there is no limit or the kernel doesn't say. */
  readonly mappingsLeft: number | undefined;
}

/**
 * The pages that devices wrote, of a {@link DmaSpace} whose kernel keeps account of them.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { type DmaDirtyTracking, dmaSpaceOf, vfioExtension } from 'flatview/vfio';
 *
 * const gpu = { name: '0000:01:00.0', group: 3, vendorId: 0x10de, deviceId: 0x2204, bars: [] };
 * const host = new SimulatedVfio({ devices: [gpu] });
 * using container = host.openContainer();
 * using group = host.openGroup(3);
 * group.setContainer(container);
 * container.setIommu(vfioExtension.type1v2);
 * const dma = dmaSpaceOf(container);
 * const place = { iova: 0x0n, size: 0x3000n };
 * dma.map({ ...place, hostAddress: 0x7f00_0000_0000n, read: true, write: true });
 *
 * // vfio-pci can't tell what a device wrote: all that it could have.
 * const tracking: DmaDirtyTracking | undefined = dma.dirtyTracking;
 * const bitmap = new BigUint64Array(1);
 * tracking?.start();
 * tracking?.read({ ...place, pageSize: 0x1000n, bitmap });
 * bitmap[0]; // => 0b111n
 * tracking?.stop();
 *
 * using iommufd = host.openIommufd();
 * dmaSpaceOf(iommufd.allocateIoas()).dirtyTracking; // => undefined
 * ```
 */
export interface DmaDirtyTracking {
  /** Sizes in bytes of the pages that it counts in: bit n is set for 2^n. */
  readonly pageSizes: bigint;
  /** The largest bitmap that can be asked for at once. */
  readonly largestBitmapBytes: bigint;
  /** From now on, what devices write is noted. */
  start(): void;
  /** Nothing is noted any more. */
  stop(): void;
  /** What was written since it was asked last; of whole mappings only. */
  read(request: DirtyBitmapRequest): void;
}

/**
 * The addresses that devices see, and the memory that is mapped there: what a container whose IOMMU is set and an IOAS
 * of iommufd have in common. All devices of the groups in the container, or that are attached to the IOAS, share it.
 *
 * Whoever made the container or IOAS closes it. What the kernel refuses is thrown as `ERR_SYSTEM_CALL`, a call after the
 * end as `ERR_VFIO_CLOSED`.
 */
export interface DmaSpace {
  /** What messages call it. */
  readonly label: string;
  /** Bytes of a page of the host: where memory lies in this process is given in whole pages. */
  readonly hostPageSize: bigint;
  /**
   * What becomes of an unmap that covers a mapping in part: it fails (EINVAL of type1v2, ENOENT of an IOAS), or it unmaps
   * more than was asked for (type1).
   */
  readonly partialUnmap: 'refused' | 'widened';
  /** Whether a mapping of a device's BAR can be mapped for others (peer to peer). An IOAS answers EFAULT. */
  readonly mapsDeviceMemory: boolean;
  /** `undefined` where the kernel doesn't keep account of what devices write. */
  readonly dirtyTracking: DmaDirtyTracking | undefined;
  /** Asks the kernel. */
  limits(): DmaSpaceLimits;
  /** Maps, and pins the pages, before it returns. */
  map(mapping: DmaMapping): void;
  /**
   * Maps on another thread, for memory that takes long to pin. A container keeps any other call on it waiting until then;
   * an IOAS doesn't.
   */
  mapAsync(mapping: DmaMapping): Promise<void>;
  /**
   * Unmaps all mappings that lie in the range.
   *
   * @param dirty Takes the pages that were written, where there is {@link dirtyTracking}; its range is that of the unmap.
   * @returns Bytes that were unmapped. Where nothing was mapped: 0 of a container; an IOAS throws ENOENT.
   */
  unmap(range: AddressRange, dirty?: Pick<DirtyBitmapRequest, 'pageSize' | 'bitmap'>): bigint;
  /** Unmaps everything. Returns bytes. */
  unmapAll(): bigint;
}

/** How a container's IOMMU was set. */
export interface ContainerSpaceOptions {
  /** What {@link VfioContainer.setIommu} was called with. Default: type1v2. */
  readonly iommuType?: number;
}

/**
 * The DMA space of a container whose IOMMU is set, or of an IOAS.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import {
 *   type ContainerSpaceOptions,
 *   type DmaSpace,
 *   dmaSpaceOf,
 *   vfioExtension,
 * } from 'flatview/vfio';
 *
 * const gpu = { name: '0000:01:00.0', group: 3, vendorId: 0x10de, deviceId: 0x2204, bars: [] };
 * const host = new SimulatedVfio({ devices: [gpu] });
 * using container = host.openContainer();
 * using group = host.openGroup(3);
 * group.setContainer(container);
 * const options: ContainerSpaceOptions = { iommuType: vfioExtension.type1 }; // not type1v2
 * container.setIommu(vfioExtension.type1);
 *
 * const dma: DmaSpace = dmaSpaceOf(container, options);
 * const hostAddress = 0x7f00_0000_0000n;
 * dma.map({ iova: 0x0n, size: 0x4000n, hostAddress, read: true, write: true });
 * dma.partialUnmap; // => 'widened'
 * dma.unmap({ address: 0x0n, size: 0x1000n }); // => 0x4000n
 *
 * using iommufd = host.openIommufd();
 * dmaSpaceOf(iommufd.allocateIoas()).partialUnmap; // => 'refused'
 * ```
 */
export function dmaSpaceOf(container: VfioContainer, options?: ContainerSpaceOptions): DmaSpace;
export function dmaSpaceOf(ioas: Ioas): DmaSpace;
export function dmaSpaceOf(
  owner: VfioContainer | Ioas,
  { iommuType = vfioExtension.type1v2 }: ContainerSpaceOptions = {},
): DmaSpace {
  return 'setIommu' in owner
    ? new ContainerSpace(owner, iommuType === vfioExtension.type1 ? 'widened' : 'refused')
    : new IoasSpace(owner);
}

class ContainerSpace implements DmaSpace {
  readonly label = 'VFIO container';
  readonly mapsDeviceMemory = true;
  readonly hostPageSize: bigint;
  readonly partialUnmap: 'refused' | 'widened';
  readonly dirtyTracking: DmaDirtyTracking | undefined;
  readonly #container: VfioContainer;

  constructor(container: VfioContainer, partialUnmap: 'refused' | 'widened') {
    this.#container = container;
    this.partialUnmap = partialUnmap;
    this.hostPageSize = container.pageSize;
    const tracking = container.iommuInfo().dirtyTracking;
    this.dirtyTracking = tracking && {
      ...tracking,
      start: () => container.setDirtyTracking(true),
      stop: () => container.setDirtyTracking(false),
      read: (request) => container.getDirtyBitmap(request),
    };
  }

  limits(): DmaSpaceLimits {
    const { pageSizes, iovaRanges, mappingsLeft } = this.#container.iommuInfo();
    const granule = pageSizes ? pageSizes & -pageSizes : this.hostPageSize;
    return { granule, pageSizes, iovaRanges, mappingsLeft };
  }

  map(mapping: DmaMapping): void {
    this.#container.mapDma(mapping);
  }

  mapAsync(mapping: DmaMapping): Promise<void> {
    return this.#container.mapDmaAsync(mapping);
  }

  unmap(range: AddressRange, dirty?: Pick<DirtyBitmapRequest, 'pageSize' | 'bitmap'>): bigint {
    return this.#container.unmapDma(range, dirty);
  }

  unmapAll(): bigint {
    const container = this.#container;
    if (container.checkExtension(vfioExtension.unmapAll) > 0) return container.unmapAll();
    // Before Linux 5.12: 2^64 bytes don't fit the field.
    const last = this.limits().granule;
    const rest = wholeRange - last;
    return (
      container.unmapDma({ address: 0n, size: rest }) +
      container.unmapDma({ address: rest, size: last })
    );
  }
}

class IoasSpace implements DmaSpace {
  readonly partialUnmap = 'refused';
  readonly mapsDeviceMemory = false;
  readonly dirtyTracking = undefined;
  readonly label: string;
  readonly hostPageSize: bigint;
  readonly #ioas: Ioas;

  constructor(ioas: Ioas) {
    this.#ioas = ioas;
    this.label = `IOAS ${ioas.id}`;
    this.hostPageSize = ioas.pageSize;
  }

  limits(): DmaSpaceLimits {
    const { ranges, alignment } = this.#ioas.iovaRanges();
    return {
      granule: alignment,
      pageSizes: undefined,
      iovaRanges: ranges,
      mappingsLeft: undefined,
    };
  }

  map(mapping: DmaMapping): void {
    this.#ioas.mapDma(mapping);
  }

  mapAsync(mapping: DmaMapping): Promise<void> {
    return this.#ioas.mapDmaAsync(mapping);
  }

  /** There is no {@link dirtyTracking}, so nobody asks for written pages. */
  unmap(range: AddressRange): bigint {
    return this.#ioas.unmapDma(range);
  }

  unmapAll(): bigint {
    return this.#ioas.unmapAll();
  }
}
