import { hasBridgeHeader } from './host-device.js';
import type { HostFiles } from './host-files.js';
import { isAtLeast, type KernelRelease } from './kernel-release.js';

/** A device of an IOMMU group: most often a PCI device, but it need not be one. */
export interface IommuGroupMember {
  /** A PCI address, or what another bus calls it. */
  readonly name: string;
  readonly driver: string | undefined;
  /** It has a bridge's header. */
  readonly bridge: boolean;
}

/** Devices that the IOMMU can't tell apart, or that can reach each other behind its back: they have one owner. */
export interface IommuGroup {
  readonly id: string;
  readonly members: readonly IommuGroupMember[];
  /** Made up by VFIO, for a device that no IOMMU watches (`vfio_noiommu_group_alloc`). */
  readonly noIommu: boolean;
}

/** The group `id`, as /sys/kernel/iommu_groups shows it. */
export function readIommuGroup(files: HostFiles, id: string): IommuGroup {
  const folder = `/sys/kernel/iommu_groups/${id}`;
  const members = files.list(`${folder}/devices`).map((name) => {
    const classCode = Number(files.text(`${folder}/devices/${name}/class`)) || undefined;
    const driver = files.linkName(`${folder}/devices/${name}/driver`);
    return { name, driver, bridge: hasBridgeHeader({ classCode }) };
  });
  return { id, members, noIommu: files.text(`${folder}/name`) === 'vfio-noiommu' };
}

/** Whether a driver gives its devices to user space: vfio-pci, or one of its variants such as mlx5-vfio-pci. */
export function isVfioDriver(driver: string | undefined): boolean {
  return driver !== undefined && /(^|[-_])vfio[-_]pci$/.test(driver);
}

/**
 * Whether a member keeps VFIO from using its group: somebody else's driver may have it do DMA.
 *
 * No driver, VFIO's own, pci-stub and pcieport do no DMA of their own (`driver_managed_dma`; `iommu_group_claim_dma_owner`,
 * drivers/iommu/iommu.c). Before Linux 5.19 no driver of a bridge did harm, either (`vfio_dev_viable`, drivers/vfio/vfio.c).
 */
export function keepsGroup(
  { driver, bridge }: IommuGroupMember,
  kernel: KernelRelease | undefined,
): boolean {
  if (driver === undefined || isVfioDriver(driver) || driver === 'pci-stub') return false;
  return !(bridge && (driver === 'pcieport' || !isAtLeast(kernel, 5, 19)));
}
