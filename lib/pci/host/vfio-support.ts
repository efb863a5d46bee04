import type { HostFiles } from './host-files.js';

/** What of VFIO this kernel has loaded, and how it is set. */
export interface VfioSupport {
  /** vfio-pci is there: devices can be bound to it. */
  readonly pciDriver: boolean;
  /** /dev/vfio/vfio, which makes containers. */
  readonly container: boolean;
  /** /dev/iommu: the newer interface, iommufd. */
  readonly iommufd: boolean;
  /** Groups of devices that no IOMMU watches may be opened. */
  readonly noIommu: boolean;
  /** Device assignment is allowed without interrupt remapping: to containers, and to iommufd. */
  readonly unsafeInterrupts: boolean;
  /** How many DMA mappings a container may have. */
  readonly dmaEntryLimit: number | undefined;
  /** vfio-pci leaves devices that nobody uses powered up. */
  readonly idleDevicesStayOn: boolean;
  /** Vendor and device ids that vfio-pci was told to take, as the parameter says them. */
  readonly ids: string | undefined;
}

export function readVfioSupport(files: HostFiles): VfioSupport {
  const parameter = (module: string, name: string) =>
    files.text(`/sys/module/${module}/parameters/${name}`);
  const isSet = (module: string, name: string) => parameter(module, name) === 'Y';
  const limit = Number(parameter('vfio_iommu_type1', 'dma_entry_limit') ?? Number.NaN);
  return {
    pciDriver: files.exists('/sys/bus/pci/drivers/vfio-pci'),
    container: hasDevice(files, '/dev/vfio/vfio', 'vfio'),
    iommufd: hasDevice(files, '/dev/iommu', 'iommu'),
    noIommu: isSet('vfio', 'enable_unsafe_noiommu_mode'),
    unsafeInterrupts:
      isSet('vfio_iommu_type1', 'allow_unsafe_interrupts') ||
      isSet('iommufd', 'allow_unsafe_interrupts'),
    dmaEntryLimit: Number.isInteger(limit) ? limit : undefined,
    idleDevicesStayOn: isSet('vfio_pci', 'disable_idle_d3'),
    ids: parameter('vfio_pci', 'ids') || undefined,
  };
}

/** The node itself; where /dev isn't known, whether the kernel has such a device. */
function hasDevice(files: HostFiles, node: string, misc: string): boolean {
  return files.knows(node) ? files.exists(node) : files.exists(`/sys/class/misc/${misc}`);
}
