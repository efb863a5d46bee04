import type { AddressRange } from '../mapping/page-mapping.js';
import type { AccessWidth, HostMemory } from '../memory/host-memory.js';

/**
 * What a host has of VFIO: the real one and the simulated one implement it, and pass the same conformance cases. One method
 * for each system call, and no opinion. What the kernel refuses is thrown as `ERR_SYSTEM_CALL` with `errno` and `syscall`,
 * made by {@link vfioIoctlError}. Everything that was opened closes by `close()` or `using`, in any order, once or more often;
 * a later call throws `ERR_VFIO_CLOSED`.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import {
 *   type VfioContainer,
 *   type VfioDevice,
 *   type VfioGroup,
 *   type VfioHost,
 *   vfioExtension,
 * } from 'flatview/vfio';
 *
 * // The legacy way to a device: its group joins a container, whose IOMMU is then set.
 * function openDevice(host: VfioHost, container: VfioContainer, group: number, name: string) {
 *   using opened: VfioGroup = host.openGroup(group);
 *   opened.setContainer(container);
 *   container.setIommu(vfioExtension.type1v2);
 *   const device: VfioDevice = opened.openDevice(name);
 *   return device;
 * }
 *
 * const nvme = { name: '0000:05:00.0', group: 12, vendorId: 0x144d, deviceId: 0xa808, bars: [] };
 * const host = new SimulatedVfio({ devices: [nvme] }); // or new Vfio()
 * using container = host.openContainer();
 * using device = openDevice(host, container, 12, '0000:05:00.0');
 * device.name; // => '0000:05:00.0'
 * ```
 */
export interface VfioHost {
  /** Bytes of a page of the host. */
  readonly pageSize: bigint;
  /** Opens /dev/vfio/vfio: a container without groups. */
  openContainer(): VfioContainer;
  /** Opens /dev/vfio/<group>, or /dev/vfio/noiommu-<group>. */
  openGroup(group: number, options?: { readonly noIommu?: boolean }): VfioGroup;
  /** Opens /dev/iommu. */
  openIommufd(): Iommufd;
  /** Opens /dev/vfio/devices/<name>, such as `vfio0`. */
  openCdev(name: string): VfioCdev;
}

/**
 * Something with a descriptor.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import type { Closable } from 'flatview/vfio';
 *
 * const host = new SimulatedVfio();
 * const iommufd = host.openIommufd();
 * const ioas = iommufd.allocateIoas();
 *
 * // In any order: what was made of an iommufd keeps it.
 * const opened: readonly Closable[] = [iommufd, ioas];
 * for (const one of opened) one.close();
 * host.calls.at(-1)?.call; // => 'IOMMU_DESTROY'
 * ioas.iovaRanges(); // throws ERR_VFIO_CLOSED
 * ```
 */
export interface Closable {
  /** Closes it. Closing twice does nothing. */
  close(): void;
  /** As {@link close}. */
  [Symbol.dispose](): void;
}

/**
 * Extensions that {@link VfioContainer.checkExtension} is asked for, and types of IOMMU (include/uapi/linux/vfio.h).
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { vfioExtension } from 'flatview/vfio';
 *
 * using container = new SimulatedVfio().openContainer();
 * container.checkExtension(vfioExtension.type1v2); // => 1
 * container.checkExtension(vfioExtension.spaprTce); // => 0
 * container.setIommu(vfioExtension.type1v2); // throws ERR_SYSTEM_CALL
 * ```
 */
export const vfioExtension = {
  /** VFIO_TYPE1_IOMMU. */
  type1: 1,
  /** VFIO_SPAPR_TCE_IOMMU. */
  spaprTce: 2,
  /** VFIO_TYPE1v2_IOMMU: an unmap can't cut a mapping. */
  type1v2: 3,
  /** VFIO_DMA_CC_IOMMU: DMA is coherent with the processor's caches. */
  dmaCoherent: 4,
  /** VFIO_NOIOMMU_IOMMU: no IOMMU, nothing is translated or protected. */
  noIommu: 8,
  /** VFIO_UNMAP_ALL. */
  unmapAll: 9,
  /** VFIO_UPDATE_VADDR. */
  updateVaddr: 10,
} as const;

/**
 * What VFIO_IOMMU_GET_INFO and its capabilities say of a container's IOMMU.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { type DmaMapping, type VfioIommuInfo, vfioExtension } from 'flatview/vfio';
 *
 * const nvme = { name: '0000:05:00.0', group: 12, vendorId: 0x144d, deviceId: 0xa808, bars: [] };
 * const host = new SimulatedVfio({ devices: [nvme] });
 * using container = host.openContainer();
 * using group = host.openGroup(12);
 * group.setContainer(container);
 * container.setIommu(vfioExtension.type1v2);
 *
 * // VT-d of 39 bits: the window of interrupts is left out.
 * const info: VfioIommuInfo = container.iommuInfo();
 * info.iovaRanges?.map(({ address, size }) => [address, address + size]);
 * // => [[0x0n, 0xfee0_0000n], [0xfef0_0000n, 0x80_0000_0000n]]
 *
 * const page: DmaMapping = {
 *   iova: 0x10_0000n,
 *   size: 0x1000n,
 *   hostAddress: 0x7f00_0000_0000n,
 *   read: true,
 *   write: true,
 * };
 * container.mapDma(page);
 * container.mapDma(page); // throws ERR_SYSTEM_CALL
 * container.mapDma({ ...page, iova: 0xfee0_0000n }); // throws ERR_SYSTEM_CALL
 * container.iommuInfo().mappingsLeft; // => 65534
 * ```
 */
export interface VfioIommuInfo {
  /** Sizes in bytes of the IOMMU's pages: bit n is set for 2^n; `undefined` where the kernel doesn't say. */
  readonly pageSizes: bigint | undefined;
  /** Where can be mapped, ascending; `undefined` where the kernel doesn't say (before 5.4): then everywhere. */
  readonly iovaRanges: readonly AddressRange[] | undefined;
  /** How many more mappings there can be (since 5.10); `undefined` where the kernel doesn't say. */
  readonly mappingsLeft: number | undefined;
  /** Dirty page tracking (VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION); `undefined` where there is none. */
  readonly dirtyTracking:
    | { readonly pageSizes: bigint; readonly largestBitmapBytes: bigint }
    | undefined;
}

/** A mapping as VFIO_IOMMU_MAP_DMA and IOMMU_IOAS_MAP take it. */
export interface DmaMapping {
  /** First IOVA. */
  readonly iova: bigint;
  /** Bytes. */
  readonly size: bigint;
  /** Where it lies in this process. */
  readonly hostAddress: bigint;
  /** Whether the device may read it. */
  readonly read: boolean;
  /** Whether the device may write it. */
  readonly write: boolean;
}

/**
 * Written pages of a range of IOVAs: one bit for each page, the first in the lowest bit of the first word.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { type DirtyBitmapRequest, vfioExtension, vfioPciRegion } from 'flatview/vfio';
 *
 * const nic = { name: '0000:05:00.0', group: 12, vendorId: 0x8086, deviceId: 0x1533, bars: [] };
 * const host = new SimulatedVfio({ devices: [nic], dirtyScope: 'written' });
 * using container = host.openContainer();
 * using group = host.openGroup(12);
 * group.setContainer(container);
 * container.setIommu(vfioExtension.type1v2);
 * using device = group.openDevice('0000:05:00.0');
 * device.write(vfioPciRegion.config, 0x4n, 0x4n, 2); // bus master
 * const range = { iova: 0x0n, size: 0x8000n };
 * container.mapDma({ ...range, hostAddress: 0x7f00_0000_0000n, read: true, write: true });
 *
 * container.setDirtyTracking(true);
 * host.dma('0000:05:00.0', 0x2ff0n, 0x20n, true); // a packet across two pages
 * const request: DirtyBitmapRequest = {
 *   ...range,
 *   pageSize: 0x1000n,
 *   bitmap: new BigUint64Array(1),
 * };
 * container.getDirtyBitmap(request);
 * request.bitmap[0]; // => 0b1100n
 * ```
 */
export interface DirtyBitmapRequest {
  /** The first IOVA. */
  readonly iova: bigint;
  /** In bytes. */
  readonly size: bigint;
  /** Bytes of a page of the bitmap: a power of two. */
  readonly pageSize: bigint;
  /** Takes one bit for each page, the first in bit 0 of the first word; bits that are set stay. */
  readonly bitmap: BigUint64Array;
}

/** The legacy way: a container of groups, with one IOMMU address space (Documentation/driver-api/vfio.rst). */
export interface VfioContainer extends Closable {
  /** Bytes of a page of the host. */
  readonly pageSize: bigint;
  /** VFIO_GET_API_VERSION: 0 on all kernels so far. */
  apiVersion(): number;
  /** VFIO_CHECK_EXTENSION, one of {@link vfioExtension}. Some answer for the groups that are in the container. */
  checkExtension(extension: number): number;
  /** VFIO_SET_IOMMU: needs a group. */
  setIommu(type: number): void;
  /** VFIO_IOMMU_GET_INFO. */
  iommuInfo(): VfioIommuInfo;
  /** VFIO_IOMMU_MAP_DMA: pins the pages. */
  mapDma(mapping: DmaMapping): void;
  /**
   * VFIO_IOMMU_MAP_DMA on a thread of its own: for memory that takes long to pin. The event loop goes on. The kernel holds the
   * container's lock meanwhile: most other calls on it wait there until the pages are pinned, so better map in parts.
   * After {@link close} the kernel keeps the container until it is done; the promise tells how it ended.
   */
  mapDmaAsync(mapping: DmaMapping): Promise<void>;
  /**
   * VFIO_IOMMU_UNMAP_DMA: all mappings that lie in the range.
   *
   * @param dirty Takes the pages that were written: VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP; its range is that of the unmap.
   * @returns Bytes that were unmapped; 0 where nothing was mapped.
   */
  unmapDma(range: AddressRange, dirty?: Pick<DirtyBitmapRequest, 'pageSize' | 'bitmap'>): bigint;
  /** VFIO_DMA_UNMAP_FLAG_ALL, where the kernel has {@link vfioExtension.unmapAll}. */
  unmapAll(): bigint;
  /** VFIO_IOMMU_DIRTY_PAGES: start and stop. */
  setDirtyTracking(on: boolean): void;
  /** VFIO_IOMMU_DIRTY_PAGES: what was written since it was asked last. */
  getDirtyBitmap(request: DirtyBitmapRequest): void;
}

/** An IOMMU group by /dev/vfio/<group>. */
export interface VfioGroup extends Closable {
  /** Its number. */
  readonly group: number;
  /** VFIO_GROUP_GET_STATUS. */
  status(): { readonly viable: boolean; readonly containerSet: boolean };
  /** VFIO_GROUP_SET_CONTAINER. */
  setContainer(container: VfioContainer): void;
  /** VFIO_GROUP_UNSET_CONTAINER. */
  unsetContainer(): void;
  /**
   * VFIO_GROUP_GET_DEVICE_FD.
   *
   * @param name As sysfs calls it, such as `0000:05:00.0`.
   */
  openDevice(name: string): VfioDevice;
}

/**
 * /dev/iommu. IOASes and devices that were made of it stay when it is closed.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import type { Ioas, Iommufd, VfioCdev } from 'flatview/vfio';
 *
 * const nvme = { name: '0000:05:00.0', group: 12, cdev: 'vfio0', vendorId: 0x144d, deviceId: 0xa808 };
 * const host = new SimulatedVfio({ devices: [{ ...nvme, bars: [] }] });
 * using iommufd: Iommufd = host.openIommufd();
 * using ioas: Ioas = iommufd.allocateIoas();
 * ioas.iovaRanges().alignment; // => 1n
 *
 * using cdev: VfioCdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 * cdev.attach(ioas);
 * ioas.iovaRanges().alignment; // => 0x1000n
 * device.name; // => '0000:05:00.0'
 * ```
 */
export interface Iommufd extends Closable {
  /** IOMMU_IOAS_ALLOC. */
  allocateIoas(): Ioas;
}

/**
 * An IO address space of iommufd. `close()` is IOMMU_DESTROY; while a device is attached, the address space stays until that is
 * detached or closed.
 */
export interface Ioas extends Closable {
  /** The number that iommufd gave it. */
  readonly id: number;
  /** Bytes of a page of the host. */
  readonly pageSize: bigint;
  /**
   * IOMMU_IOAS_IOVA_RANGES: where can be mapped now, and what addresses and lengths must be multiples of: 1 until a device is
   * attached, then the smallest page of its IOMMU.
   */
  iovaRanges(): { readonly ranges: readonly AddressRange[]; readonly alignment: bigint };
  /** IOMMU_IOAS_MAP at a fixed IOVA. */
  mapDma(mapping: DmaMapping): void;
  /** As {@link VfioContainer.mapDmaAsync}. */
  mapDmaAsync(mapping: DmaMapping): Promise<void>;
  /** IOMMU_IOAS_UNMAP: whole mappings. Returns bytes. ENOENT where nothing is mapped or one would be cut. */
  unmapDma(range: AddressRange): bigint;
  /** IOMMU_IOAS_UNMAP of everything: IOVA 0, length 2^64 - 1. */
  unmapAll(): bigint;
}

/** A device by /dev/vfio/devices/<name>: to be bound before anything else is asked of it. */
export interface VfioCdev extends Closable {
  /** VFIO_DEVICE_BIND_IOMMUFD. The device is opened by it; closing either closes both. */
  bind(iommufd: Iommufd): VfioDevice;
  /** VFIO_DEVICE_ATTACH_IOMMUFD_PT. */
  attach(ioas: Ioas): void;
  /** VFIO_DEVICE_DETACH_IOMMUFD_PT. */
  detach(): void;
}

/**
 * Indices of the regions of a PCI device (VFIO_PCI_*_REGION_INDEX); BARs are 0 to 5.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { type VfioRegionInfo, vfioPciRegion } from 'flatview/vfio';
 *
 * const nvme = { name: '0000:05:00.0', group: 12, cdev: 'vfio0', vendorId: 0x144d, deviceId: 0xa808 };
 * const bars = [{ index: 0, kind: 'memory', size: 0x4000n }] as const;
 * const host = new SimulatedVfio({ devices: [{ ...nvme, bars }] });
 * using iommufd = host.openIommufd();
 * using cdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 *
 * device.read(vfioPciRegion.config, 0x0n, 4); // => 0xa808_144dn
 * const bar0: VfioRegionInfo = device.regionInfo(vfioPciRegion.bar0);
 * [bar0.size, bar0.canMap]; // => [0x4000n, true]
 * device.regionInfo(vfioPciRegion.rom).size; // => 0x0n
 * ```
 */
export const vfioPciRegion = { bar0: 0, rom: 6, config: 7, vga: 8 } as const;

/**
 * Indices of the interrupts of a PCI device (VFIO_PCI_*_IRQ_INDEX).
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import { type VfioIrqInfo, vfioPciIrq } from 'flatview/vfio';
 *
 * const nic = { name: '0000:05:00.0', group: 12, cdev: 'vfio0', vendorId: 0x10ec, deviceId: 0x8168 };
 * const host = new SimulatedVfio();
 * const { irqs } = host.addDevice({
 *   ...nic,
 *   bars: [{ index: 4, kind: 'memory', size: 0x4000n }],
 *   msix: { vectors: 4, tableBar: 4, tableOffset: 0x0n, pendingOffset: 0x800n },
 * });
 * using iommufd = host.openIommufd();
 * using cdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 *
 * const msix: VfioIrqInfo = device.irqInfo(vfioPciIrq.msix);
 * msix.count; // => 4
 * device.setIrqEventFds(vfioPciIrq.msix, 0, [20, undefined, 22]);
 * device.triggerIrqs(vfioPciIrq.msix, 0, 3);
 * irqs.signalled; // => [20, 22]
 * device.setIrqEventFds(vfioPciIrq.intx, 0, [23]); // throws ERR_SYSTEM_CALL
 * ```
 */
export const vfioPciIrq = { intx: 0, msi: 1, msix: 2, error: 3, request: 4 } as const;

/**
 * VFIO_DEVICE_GET_INFO.
 *
 * @example
 * ```ts
 * import { SimulatedVfio } from 'flatview/simulated';
 * import type { VfioDevice, VfioDeviceInfo } from 'flatview/vfio';
 *
 * // Regions that a device has, by their indices.
 * function regionsOf(device: VfioDevice): number[] {
 *   const { regionCount }: VfioDeviceInfo = device.info();
 *   const indices = Array.from({ length: regionCount - 1 }, (_, index) => index); // VGA left out
 *   return indices.filter((index) => device.regionInfo(index).size > 0n);
 * }
 *
 * const nic = { name: '0000:05:00.0', group: 12, cdev: 'vfio0', vendorId: 0x10ec, deviceId: 0x8168 };
 * const host = new SimulatedVfio();
 * host.addDevice({
 *   ...nic,
 *   bars: [
 *     { index: 0, kind: 'io', size: 0x100n },
 *     { index: 2, kind: 'memory', size: 0x1000n, is64Bit: true },
 *   ],
 * });
 * using iommufd = host.openIommufd();
 * using cdev = host.openCdev('vfio0');
 * using device = cdev.bind(iommufd);
 * regionsOf(device); // => [0, 2, 7]
 * ```
 */
export interface VfioDeviceInfo {
  /** VFIO_DEVICE_FLAGS_PCI. */
  readonly isPci: boolean;
  /** VFIO_DEVICE_FLAGS_RESET. */
  readonly canReset: boolean;
  /** How many indices regions have; some may be empty. */
  readonly regionCount: number;
  /** How many indices interrupts have; some may be empty. */
  readonly irqCount: number;
}

/** VFIO_DEVICE_GET_REGION_INFO, with its capabilities. */
export interface VfioRegionInfo {
  /** Which region it is, such as one of {@link vfioPciRegion}. */
  readonly index: number;
  /** Bytes; 0 where the device has no such region. */
  readonly size: bigint;
  /** VFIO_REGION_INFO_FLAG_READ. */
  readonly canRead: boolean;
  /** VFIO_REGION_INFO_FLAG_WRITE. */
  readonly canWrite: boolean;
  /** Whether it can be mapped, as a whole or in {@link sparseAreas}. */
  readonly canMap: boolean;
  /**
   * VFIO_REGION_INFO_CAP_SPARSE_MMAP: the parts that can be mapped, as the kernel gives them: in any order, some may be
   * empty. `undefined`: all of it.
   */
  readonly sparseAreas: readonly { readonly offset: bigint; readonly size: bigint }[] | undefined;
  /** VFIO_REGION_INFO_CAP_MSIX_MAPPABLE: the pages of the MSI-X table can be mapped, too. */
  readonly isMsixMappable: boolean;
  /** VFIO_REGION_INFO_CAP_TYPE, of regions that are not a device's own. */
  readonly type: { readonly type: number; readonly subtype: number } | undefined;
}

/** VFIO_DEVICE_GET_IRQ_INFO. */
export interface VfioIrqInfo {
  /** Which kind of interrupt it is, such as one of {@link vfioPciIrq}. */
  readonly index: number;
  /** How many vectors it has; 0 where the device has none. */
  readonly count: number;
  /** Whether it can signal an eventfd. */
  readonly canSignal: boolean;
  /** VFIO_IRQ_INFO_MASKABLE. */
  readonly isMaskable: boolean;
  /** Whether it is masked when it fires. */
  readonly isAutomasked: boolean;
  /** Whether vectors can't be added while others are in use. */
  readonly isFixedCount: boolean;
}

/** An open device. */
export interface VfioDevice extends Closable {
  /** As sysfs calls it, such as `0000:05:00.0`. */
  readonly name: string;
  /** VFIO_DEVICE_GET_INFO. */
  info(): VfioDeviceInfo;
  /** VFIO_DEVICE_GET_REGION_INFO. */
  regionInfo(index: number): VfioRegionInfo;
  /** VFIO_DEVICE_GET_IRQ_INFO. */
  irqInfo(index: number): VfioIrqInfo;
  /**
   * One pread of `width` bytes at `offset` of a region, little-endian: the device sees one access of this width (before Linux 6.10
   * two of four instead of one of eight).
   *
   * @throws `ERR_SYSTEM_CALL`: EIO while memory decode is off, EINVAL behind the end; `EIO` also where less was read.
   */
  read(region: number, offset: bigint, width: AccessWidth): bigint;
  /** One pwrite, as {@link read}. */
  write(region: number, offset: bigint, value: bigint, width: AccessWidth): void;
  /**
   * Maps whole pages of a region: mmap. An access by it reaches the device; while memory decode is off or the device sleeps, it is
   * `ERR_MEMORY_BUS_ERROR`.
   * The device stays open in the kernel until the memory is closed, too.
   *
   * @param offset Within the region, whole pages.
   * @param size Bytes, whole pages; may reach to the end of the region's last page.
   */
  map(region: number, offset: bigint, size: bigint): HostMemory;
  /**
   * VFIO_DEVICE_SET_IRQS with eventfds: interrupts from `start` on signal them; `undefined` leaves one out. An empty list takes all
   * of `index` away.
   */
  setIrqEventFds(index: number, start: number, fds: readonly (number | undefined)[]): void;
  /** VFIO_DEVICE_SET_IRQS: masks or unmasks interrupts, one at least. */
  maskIrqs(index: number, start: number, count: number, masked: boolean): void;
  /** VFIO_DEVICE_SET_IRQS without data: as if the device had raised them. One at least. */
  triggerIrqs(index: number, start: number, count: number): void;
  /** VFIO_DEVICE_RESET. */
  reset(): void;
}
