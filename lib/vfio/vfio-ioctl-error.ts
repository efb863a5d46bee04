import type { AddressLike } from '../address.js';
import type { FlatviewError } from '../errors.js';
import { type Causes, ioctlError } from '../native/ioctl-error.js';

/** The system calls that VFIO and iommufd are used by. */
export type VfioCall =
  | 'open'
  | 'pread'
  | 'pwrite'
  | 'mmap'
  | 'VFIO_GET_API_VERSION'
  | 'VFIO_CHECK_EXTENSION'
  | 'VFIO_SET_IOMMU'
  | 'VFIO_IOMMU_GET_INFO'
  | 'VFIO_IOMMU_MAP_DMA'
  | 'VFIO_IOMMU_UNMAP_DMA'
  | 'VFIO_IOMMU_DIRTY_PAGES'
  | 'VFIO_GROUP_GET_STATUS'
  | 'VFIO_GROUP_SET_CONTAINER'
  | 'VFIO_GROUP_UNSET_CONTAINER'
  | 'VFIO_GROUP_GET_DEVICE_FD'
  | 'VFIO_DEVICE_GET_INFO'
  | 'VFIO_DEVICE_GET_REGION_INFO'
  | 'VFIO_DEVICE_GET_IRQ_INFO'
  | 'VFIO_DEVICE_SET_IRQS'
  | 'VFIO_DEVICE_RESET'
  | 'VFIO_DEVICE_BIND_IOMMUFD'
  | 'VFIO_DEVICE_ATTACH_IOMMUFD_PT'
  | 'VFIO_DEVICE_DETACH_IOMMUFD_PT'
  | 'IOMMU_IOAS_ALLOC'
  | 'IOMMU_IOAS_IOVA_RANGES'
  | 'IOMMU_IOAS_MAP'
  | 'IOMMU_IOAS_UNMAP'
  | 'IOMMU_DESTROY';

/**
 * The error of a call that the kernel refused: `ERR_SYSTEM_CALL`, with `errno` and `syscall`.
 *
 * @param args The arguments that matter, in the kernel's names.
 * @param errno Name of the kernel's error, such as `EINVAL`.
 */
export function vfioIoctlError(
  call: VfioCall,
  args: Readonly<Record<string, AddressLike>>,
  errno: string,
): FlatviewError {
  return ioctlError({ call, args, errno }, causes, anyCall);
}

/** What most likely led to an errno (drivers/vfio, drivers/iommu/iommufd). */
const causes: Readonly<Record<string, Causes>> = {};

const anyCall: Causes = {
  EBADF: 'the descriptor is closed',
  ENOTTY: 'the descriptor is of another kind, or the kernel is too old to know this',
};
