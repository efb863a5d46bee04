import type { AddressLike } from '../address.js';
import type { FlatviewError } from '../errors.js';
import { type Causes, ioctlError, type RefusedCall, refusedCall } from '../native/ioctl-error.js';
import type { SystemCallFailure } from '../native/system-call.js';
import { memoryLockLimit } from './dma/memory-lock-limit.js';

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
 * @param args The arguments that matter, in the kernel's names; of `open` the path.
 * @param errno Name of the kernel's error, such as `EINVAL`.
 *
 * @example
 * ```ts
 * import { type VfioCall, vfioIoctlError } from 'flatview/vfio';
 *
 * const call: VfioCall = 'VFIO_IOMMU_MAP_DMA';
 * const error = vfioIoctlError(call, { iova: 0x10_0000n, size: 0x1000n }, 'EEXIST');
 * error.syscall; // => 'VFIO_IOMMU_MAP_DMA(iova 0x100000, size 0x1000)'
 * error.errno; // => 'EEXIST'
 * error.message.includes('it overlaps a mapping of this container'); // => true
 * ```
 */
export function vfioIoctlError(
  call: VfioCall,
  args: Readonly<Record<string, AddressLike>> | string,
  errno: string,
): FlatviewError {
  return explained({ call, args, errno });
}

/** The error of what the kernel refused to the addon. */
export function vfioRefusal(failure: SystemCallFailure): FlatviewError {
  const refused = refusedCall(failure);
  const isLocking = lockingCalls.includes(refused.call) && refused.errno === 'ENOMEM';
  return explained(refused, isLocking ? `; ${memoryLockLimit()}` : '');
}

function explained(refused: RefusedCall, addition: string = ''): FlatviewError {
  const { call, args, errno } = refused;
  const own = call === 'open' ? causesOfOpening(String(args)) : (causes[call] ?? {});
  const cause = own[errno] ?? anyCall[errno];
  const said = cause === undefined ? {} : { [errno]: cause + addition };
  return ioctlError(refused, {}, said);
}

/** Calls that pin memory. */
const lockingCalls: readonly string[] = ['VFIO_IOMMU_MAP_DMA', 'IOMMU_IOAS_MAP'];

const tooManyFiles = 'the process has too many open files; raise ulimit -n';

const openCauses: Causes = { EMFILE: tooManyFiles, ENFILE: 'the host has too many open files' };

const containerCauses: Causes = {
  ...openCauses,
  ENOENT: 'the kernel has no VFIO: modprobe vfio-pci (and vfio_iommu_type1)',
  ENODEV: 'the module vfio is not loaded: modprobe vfio-pci (and vfio_iommu_type1)',
  EACCES: 'this user may not use it; /dev/vfio/vfio is for everybody by default (mode 0666)',
};

const groupCauses: Causes = {
  ...openCauses,
  ENOENT:
    'there is no such group, or none of its devices is bound to vfio-pci (driver_override, then drivers_probe); a group without an IOMMU is called noiommu-<group>',
  EACCES: 'this user may not use the group: give it the file, by chown or a udev rule',
  EBUSY: 'somebody has the group open already; it can be opened once, also by this process',
  EPERM:
    'a group without an IOMMU is not protected from its devices: it needs CAP_SYS_RAWIO and enable_unsafe_noiommu_mode',
};

const iommufdCauses: Causes = {
  ...openCauses,
  ENOENT:
    'the kernel has no iommufd (CONFIG_IOMMUFD, since Linux 6.2; modprobe iommufd): use a container',
  ENODEV: 'the module iommufd is not loaded: modprobe iommufd',
  EACCES: 'this user may not use it: give it the file, by chown or a udev rule',
};

const cdevCauses: Causes = {
  ...openCauses,
  ENOENT:
    'there is no such device, it is not bound to vfio-pci, or the kernel has none (CONFIG_VFIO_DEVICE_CDEV, since Linux 6.6)',
  EACCES: 'this user may not use the device: give it the file, by chown or a udev rule',
};

function causesOfOpening(file: string): Causes {
  if (file.endsWith('vfio/vfio')) return containerCauses;
  if (file.includes('vfio/devices/')) return cdevCauses;
  return file.endsWith('iommu') ? iommufdCauses : groupCauses;
}

const accessCauses: Causes = {
  EIO: 'the device does not answer: its memory decode is off (PCI_COMMAND) or it sleeps (D3); or the access leads over the end of the region',
  EINVAL: 'it is behind the end of the region, or the device has no such region',
  EFAULT: 'the device answers no access of this kind there',
};

/** What most likely led to an errno (drivers/vfio, drivers/iommu/iommufd). */
const causes: Readonly<Record<string, Causes>> = {
  pread: accessCauses,
  pwrite: accessCauses,
  mmap: {
    EINVAL:
      "the region can't be mapped (I/O ports, config space, or a BAR that shares its page of the host with another: canMap is false), the part is not whole pages, or it ends behind the region's last page",
    ENODEV: 'the device offers no mapping',
    ENOMEM: 'the process may not map that much (ulimit -v, vm.max_map_count)',
    EBUSY: 'somebody else claims the BAR: another driver, or the console of the host',
    EAGAIN: 'it would be locked (mlockall) beyond the limit of locked memory',
  },
  VFIO_GET_API_VERSION: { ENOTTY: 'the file is something else than /dev/vfio/vfio' },
  VFIO_SET_IOMMU: {
    EINVAL: 'the container has no group yet, or its IOMMU is set already',
    ENODEV:
      'the host has no such IOMMU: the module is missing (modprobe vfio_iommu_type1), or it is another type',
    EPERM:
      "the IOMMU can't remap interrupts, so a device could raise any: enable interrupt remapping in the firmware (intremap), or accept that with vfio_iommu_type1 allow_unsafe_interrupts=1",
    EBUSY: 'the group is in use by another IOMMU driver',
    ENOMEM: 'the kernel has no memory for it',
  },
  VFIO_IOMMU_GET_INFO: {
    EINVAL: 'the IOMMU is not set yet (VFIO_SET_IOMMU)',
    EPROTO: 'what the kernel says of the IOMMU contradicts itself',
    ENOTTY: 'the container has no IOMMU (no-IOMMU mode), or the file is no container',
  },
  VFIO_IOMMU_MAP_DMA: {
    EINVAL:
      'the IOMMU is not set yet, an address or size is not a multiple of the smallest IOMMU page or of the page size, the range is outside of what the IOMMU can address (39 or 48 bits, or the window of interrupts at 0xfee00000: see iovaRanges), or neither reading nor writing is allowed',
    EEXIST: 'it overlaps a mapping of this container; its devices share one address space',
    ENOSPC:
      'the container has no more mappings: raise dma_entry_limit of vfio_iommu_type1, or map in larger pieces',
    ENOMEM:
      'the limit of locked memory is too low for what devices may reach (ulimit -l, systemd LimitMEMLOCK=), or the kernel has no memory for its tables',
    EFAULT:
      "the memory is not mapped here, is read-only while the device shall write, or is a BAR that doesn't answer (memory decode off, D3)",
    EBUSY: 'the IOMMU has something at this address already',
    ENOTTY: 'the container has no IOMMU (no-IOMMU mode): devices use physical addresses',
  },
  VFIO_IOMMU_UNMAP_DMA: {
    EINVAL:
      'the range cuts a mapping (type1v2 unmaps whole ones only), is not whole pages or empty, the IOMMU is not set yet, or dirty pages are asked for without dirty tracking',
    ENOTTY: 'the container has no IOMMU (no-IOMMU mode)',
  },
  VFIO_IOMMU_DIRTY_PAGES: {
    EINVAL:
      'dirty tracking is off, the range cuts a mapping or is not whole pages, the page size is not one of dirtyTracking.pageSizes, or the bitmap is too large or too small',
    ENOTTY: 'the IOMMU of this container has no dirty tracking',
  },
  VFIO_GROUP_SET_CONTAINER: {
    EINVAL: 'the group has a container already, or the file is no container',
    EPERM:
      'the group is not viable: all its devices must be bound to vfio-pci, or to no driver; or a group without an IOMMU is put together with others',
    EBADF: 'the container is closed',
    EBADFD: 'the file is no container',
    EBUSY: 'the group is in use by another driver',
    ENODEV: 'the group has no device any more',
  },
  VFIO_GROUP_UNSET_CONTAINER: {
    EBUSY: 'a device of the group is open, or closed while what was mapped of it is not',
    EINVAL: 'the group has no container',
  },
  VFIO_GROUP_GET_DEVICE_FD: {
    EINVAL: "the group has no container, or the container's IOMMU is not set",
    ENODEV: 'the group has no device of this name that is bound to a driver of VFIO',
    EPERM: 'a group without an IOMMU needs CAP_SYS_RAWIO',
    EBUSY: 'the device is in use',
    EMFILE: tooManyFiles,
  },
  VFIO_DEVICE_GET_INFO: { EINVAL: 'the device is not bound to an iommufd yet' },
  VFIO_DEVICE_GET_REGION_INFO: {
    EINVAL: 'the device has no region of this index, or is not bound to an iommufd yet',
    EPROTO: 'what the kernel says of the region contradicts itself',
  },
  VFIO_DEVICE_GET_IRQ_INFO: {
    EINVAL: 'the device has no interrupt of this index, or is not bound to an iommufd yet',
  },
  VFIO_DEVICE_SET_IRQS: {
    EINVAL:
      'the device has fewer interrupts of this index, they are not in use, or another kind (INTx, MSI, MSI-X) is',
    EBADF: 'an eventfd is closed',
    ENOTTY: 'this kind of interrupt takes no such action',
    ENOSPC: 'the host has no more interrupt vectors',
  },
  VFIO_DEVICE_RESET: {
    EINVAL: 'the device has no reset of its own (canReset is false)',
    ENOTTY: 'the device has no reset of its own (canReset is false)',
    EAGAIN: 'the device or its bus is busy',
  },
  VFIO_DEVICE_BIND_IOMMUFD: {
    EINVAL: 'the device is bound already',
    EBADF: 'the iommufd is closed',
    EBADFD: 'the file is no iommufd',
    EPERM:
      "the IOMMU can't remap interrupts: enable interrupt remapping in the firmware, or accept that with iommufd allow_unsafe_interrupts=1",
    EBUSY: 'the device, or another of its group, is in use by somebody else',
    ENODEV: 'the device has no IOMMU',
  },
  VFIO_DEVICE_ATTACH_IOMMUFD_PT: {
    EINVAL: 'the device is not bound, or its IOMMU does not fit the address space',
    ENOENT: 'there is no such IOAS in the iommufd that the device is bound to',
    EADDRINUSE: 'something is mapped where the device must not have it (reserved IOVAs)',
    ENOMEM: 'the kernel has no memory for the tables of the IOMMU',
  },
  VFIO_DEVICE_DETACH_IOMMUFD_PT: { EINVAL: 'the device is not bound' },
  IOMMU_IOAS_ALLOC: { ENOTTY: 'the file is something else than /dev/iommu' },
  IOMMU_IOAS_IOVA_RANGES: {
    ENOENT: 'there is no such IOAS',
    EMSGSIZE: 'the ranges grew each time they were asked for',
  },
  IOMMU_IOAS_MAP: {
    EINVAL:
      'an address or length is not a multiple of the alignment that IOVA ranges come with, the length is 0, neither reading nor writing is allowed, or an IOVA is reserved or outside of what the IOMMU can address',
    EOVERFLOW: 'the range ends behind the last address',
    EEXIST: 'it overlaps a mapping of this IOAS; its devices share one address space',
    EPERM: 'the memory is read-only, and the device shall write it',
    EFAULT:
      "the memory is not mapped here, is read-only while the device shall write, or is the BAR of a device, which iommufd can't map for others (a container can)",
    ENOMEM:
      'the limit of locked memory is too low for what devices may reach (ulimit -l, systemd LimitMEMLOCK=), or the kernel has no memory for its tables',
    ENOENT: 'there is no such IOAS',
    EOPNOTSUPP: 'the kernel is too old for a flag',
  },
  IOMMU_IOAS_UNMAP: {
    ENOENT: 'nothing is mapped there, or the range cuts a mapping',
    EBUSY: 'it is being mapped at the same time',
    EDEADLK: 'a driver of the kernel holds on to it',
    EINVAL: 'the length is 0',
    EOVERFLOW: 'the range ends behind the last address',
  },
  IOMMU_DESTROY: { EBUSY: 'a device is attached to it', ENOENT: 'there is no such IOAS' },
};

const anyCall: Causes = {
  EBADF: 'the descriptor is closed',
  ENOTTY: 'the descriptor is of another kind, or the kernel is too old to know this',
  ENODEV: 'the device is gone',
};
