import type { AccessWidth, HostMemoryHandle } from './host-memory-addon.js';
import type { SystemCallFailure } from './system-call.js';

/** A container of VFIO: a handle. 0 is never one; nor of those below. */
export type VfioContainerHandle = number;

/** A group of VFIO: a handle. */
export type VfioGroupHandle = number;

/** A device of VFIO, of a group or by its own file: a handle. */
export type VfioDeviceHandle = number;

/** /dev/iommu: a handle. */
export type IommufdHandle = number;

/** An IO address space of iommufd: a handle. */
export type IoasHandle = number;

/**
 * What a container's IOMMU can, in words of 64 bits. `known` says which of the rest mean something; behind it come the
 * ranges, two words for each: first and last IOVA.
 */
export const iommuInfoLayout = {
  known: 0,
  pageSizes: 1,
  mappingsLeft: 2,
  dirtyPageSizes: 3,
  largestBitmapBytes: 4,
  ranges: 5,
} as const;

/** Bits of {@link iommuInfoLayout.known}. */
export const iommuInfoKnown = {
  pageSizes: 1n,
  ranges: 2n,
  mappingsLeft: 4n,
  dirtyTracking: 8n,
} as const;

/** A region, in words of 64 bits; behind it come the areas, two words for each: offset and size. */
export const regionInfoLayout = { flags: 0, size: 1, type: 2, subtype: 3, areas: 4 } as const;

/** Bits of {@link regionInfoLayout.flags}. */
export const regionInfoFlag = {
  read: 1n,
  write: 2n,
  map: 4n,
  sparse: 8n,
  msixMappable: 16n,
  type: 32n,
} as const;

/** VFIO_DEVICE_GET_INFO, in words of 64 bits. */
export const deviceInfoLayout = { flags: 0, regionCount: 1, irqCount: 2 } as const;

/** Bits of {@link deviceInfoLayout.flags}: VFIO_DEVICE_FLAGS_*. */
export const deviceInfoFlag = { reset: 1n, pci: 2n } as const;

/** VFIO_DEVICE_GET_IRQ_INFO, in words of 64 bits. */
export const irqInfoLayout = { flags: 0, count: 1 } as const;

/** Bits of {@link irqInfoLayout.flags}: VFIO_IRQ_INFO_*. */
export const irqInfoFlag = { eventFd: 1n, maskable: 2n, automasked: 4n, noResize: 8n } as const;

/** What is done with interrupts: VFIO_IRQ_SET_ACTION_*. */
export const irqAction = { mask: 8, unmask: 16, trigger: 32 } as const;

/** Words 0 and 1 of a group's status: 1 if so. */
export const groupStatusLayout = { viable: 0, containerSet: 1 } as const;

/** What an IOAS can: the alignment; behind it the ranges, two words for each: first and last IOVA. */
export const ioasLimitsLayout = { alignment: 0, ranges: 1 } as const;

/**
 * The addon's functions for VFIO and iommufd (native/binding/vfio_binding.cc); what an ioctl does is said in the kernel's
 * include/uapi/linux/vfio.h and iommufd.h.
 *
 * Numbers have 32 bits without a sign, bigints 64. Every argument is checked: one of the wrong type throws TypeError,
 * one out of bounds RangeError. What the kernel refuses is returned as a {@link SystemCallFailure}. Answers of several
 * numbers are words of 64 bits in an ArrayBuffer. Handles belong to one environment, and die with it.
 */
export interface VfioAddon {
  vfioOpenContainer(path: string): VfioContainerHandle | SystemCallFailure;
  /** VFIO_GET_API_VERSION. */
  vfioContainerApiVersion(container: VfioContainerHandle): number | SystemCallFailure;
  /** VFIO_CHECK_EXTENSION. */
  vfioContainerCheckExtension(
    container: VfioContainerHandle,
    extension: number,
  ): number | SystemCallFailure;
  /** VFIO_SET_IOMMU. */
  vfioContainerSetIommu(
    container: VfioContainerHandle,
    type: number,
  ): SystemCallFailure | undefined;
  /** VFIO_IOMMU_GET_INFO, by {@link iommuInfoLayout}. EPROTO where what the kernel says contradicts itself. */
  vfioContainerIommuInfo(container: VfioContainerHandle): ArrayBuffer | SystemCallFailure;
  /** VFIO_IOMMU_MAP_DMA. */
  vfioContainerMapDma(
    container: VfioContainerHandle,
    iova: bigint,
    size: bigint,
    hostAddress: bigint,
    read: boolean,
    write: boolean,
  ): SystemCallFailure | undefined;
  /** The same on another thread. The container stays open until it is done, whenever it is closed. */
  vfioContainerMapDmaAsync(
    container: VfioContainerHandle,
    iova: bigint,
    size: bigint,
    hostAddress: bigint,
    read: boolean,
    write: boolean,
  ): Promise<SystemCallFailure | undefined>;
  /** VFIO_IOMMU_UNMAP_DMA: bytes that were unmapped. */
  vfioContainerUnmapDma(
    container: VfioContainerHandle,
    iova: bigint,
    size: bigint,
  ): bigint | SystemCallFailure;
  /**
   * The same with VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP.
   *
   * @param bitmap At least a bit for each page, in whole words of 64 bits.
   */
  vfioContainerUnmapDmaDirty(
    container: VfioContainerHandle,
    iova: bigint,
    size: bigint,
    pageSize: bigint,
    bitmap: Uint8Array,
  ): bigint | SystemCallFailure;
  /** The same with VFIO_DMA_UNMAP_FLAG_ALL. */
  vfioContainerUnmapAll(container: VfioContainerHandle): bigint | SystemCallFailure;
  /** VFIO_IOMMU_DIRTY_PAGES_FLAG_START and _STOP. */
  vfioContainerSetDirtyTracking(
    container: VfioContainerHandle,
    on: boolean,
  ): SystemCallFailure | undefined;
  /** VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP; `bitmap` as of {@link vfioContainerUnmapDmaDirty}. */
  vfioContainerGetDirtyBitmap(
    container: VfioContainerHandle,
    iova: bigint,
    size: bigint,
    pageSize: bigint,
    bitmap: Uint8Array,
  ): SystemCallFailure | undefined;
  vfioContainerClose(container: VfioContainerHandle): void;

  vfioOpenGroup(path: string): VfioGroupHandle | SystemCallFailure;
  /** VFIO_GROUP_GET_STATUS, by {@link groupStatusLayout}. */
  vfioGroupStatus(group: VfioGroupHandle): ArrayBuffer | SystemCallFailure;
  /** VFIO_GROUP_SET_CONTAINER. */
  vfioGroupSetContainer(
    group: VfioGroupHandle,
    container: VfioContainerHandle,
  ): SystemCallFailure | undefined;
  /** VFIO_GROUP_UNSET_CONTAINER. */
  vfioGroupUnsetContainer(group: VfioGroupHandle): SystemCallFailure | undefined;
  /** VFIO_GROUP_GET_DEVICE_FD. */
  vfioGroupOpenDevice(group: VfioGroupHandle, name: string): VfioDeviceHandle | SystemCallFailure;
  vfioGroupClose(group: VfioGroupHandle): void;

  iommufdOpen(path: string): IommufdHandle | SystemCallFailure;
  /** IOMMU_IOAS_ALLOC. The IOAS keeps the iommufd open. */
  iommufdAllocateIoas(iommufd: IommufdHandle): IoasHandle | SystemCallFailure;
  /** IOASes made of it stay. */
  iommufdClose(iommufd: IommufdHandle): void;
  /** The kernel's id of it. */
  ioasId(ioas: IoasHandle): number;
  /** IOMMU_IOAS_IOVA_RANGES, by {@link ioasLimitsLayout}. */
  ioasIovaRanges(ioas: IoasHandle): ArrayBuffer | SystemCallFailure;
  /** IOMMU_IOAS_MAP at a fixed IOVA. */
  ioasMapDma(
    ioas: IoasHandle,
    iova: bigint,
    size: bigint,
    hostAddress: bigint,
    read: boolean,
    write: boolean,
  ): SystemCallFailure | undefined;
  /** The same on another thread, as {@link vfioContainerMapDmaAsync}. */
  ioasMapDmaAsync(
    ioas: IoasHandle,
    iova: bigint,
    size: bigint,
    hostAddress: bigint,
    read: boolean,
    write: boolean,
  ): Promise<SystemCallFailure | undefined>;
  /** IOMMU_IOAS_UNMAP: bytes that were unmapped. */
  ioasUnmapDma(ioas: IoasHandle, iova: bigint, size: bigint): bigint | SystemCallFailure;
  /** The same of everything. */
  ioasUnmapAll(ioas: IoasHandle): bigint | SystemCallFailure;
  /** IOMMU_DESTROY, once nothing is attached to it or being mapped. */
  ioasClose(ioas: IoasHandle): void;

  /** Opens a device's own file. It is to be bound before anything else. */
  vfioOpenDevice(path: string): VfioDeviceHandle | SystemCallFailure;
  /** VFIO_DEVICE_BIND_IOMMUFD. */
  vfioDeviceBind(device: VfioDeviceHandle, iommufd: IommufdHandle): SystemCallFailure | undefined;
  /** VFIO_DEVICE_ATTACH_IOMMUFD_PT. The IOAS stays until the device is detached or closed. */
  vfioDeviceAttach(device: VfioDeviceHandle, ioas: IoasHandle): SystemCallFailure | undefined;
  /** VFIO_DEVICE_DETACH_IOMMUFD_PT. */
  vfioDeviceDetach(device: VfioDeviceHandle): SystemCallFailure | undefined;
  /** VFIO_DEVICE_GET_INFO, by {@link deviceInfoLayout}. */
  vfioDeviceInfo(device: VfioDeviceHandle): ArrayBuffer | SystemCallFailure;
  /** VFIO_DEVICE_GET_REGION_INFO, by {@link regionInfoLayout}. EPROTO where what the kernel says contradicts itself. */
  vfioDeviceRegionInfo(device: VfioDeviceHandle, index: number): ArrayBuffer | SystemCallFailure;
  /** VFIO_DEVICE_GET_IRQ_INFO, by {@link irqInfoLayout}. */
  vfioDeviceIrqInfo(device: VfioDeviceHandle, index: number): ArrayBuffer | SystemCallFailure;
  /** One pread of a little-endian value. */
  vfioDeviceRead(
    device: VfioDeviceHandle,
    region: number,
    offset: bigint,
    width: AccessWidth,
  ): bigint | SystemCallFailure;
  /** One pwrite of the low `width` bytes of `value`, little-endian. */
  vfioDeviceWrite(
    device: VfioDeviceHandle,
    region: number,
    offset: bigint,
    value: bigint,
    width: AccessWidth,
  ): SystemCallFailure | undefined;
  /** mmap of whole pages of a region. */
  vfioDeviceMap(
    device: VfioDeviceHandle,
    region: number,
    offset: bigint,
    size: bigint,
  ): HostMemoryHandle | SystemCallFailure;
  /**
   * VFIO_DEVICE_SET_IRQS with eventfds.
   *
   * @param fds Descriptors of 32 bits, one at least; -1 leaves one out.
   */
  vfioDeviceSetIrqEventFds(
    device: VfioDeviceHandle,
    index: number,
    start: number,
    fds: Uint8Array,
  ): SystemCallFailure | undefined;
  /**
   * VFIO_DEVICE_SET_IRQS without data.
   *
   * @param action One of {@link irqAction}; triggering a count of 0 takes all of `index` away.
   */
  vfioDeviceSetIrqs(
    device: VfioDeviceHandle,
    action: number,
    index: number,
    start: number,
    count: number,
  ): SystemCallFailure | undefined;
  /** VFIO_DEVICE_RESET. */
  vfioDeviceReset(device: VfioDeviceHandle): SystemCallFailure | undefined;
  /** What was mapped of it stays, and keeps the device open in the kernel. */
  vfioDeviceClose(device: VfioDeviceHandle): void;
}
