import type { KernelSeries } from './build/kernel.js';

/** IOMMUs that QEMU emulates; `iommufd` is Intel's, with VFIO and iommufd built from the sources of the same kernel. */
export const iommus = ['intel', 'amd', 'iommufd'] as const;
export type Iommu = (typeof iommus)[number];

/** A machine to boot. */
export interface Machine {
  readonly kernel: KernelSeries;
  readonly iommu: Iommu;
}

/** Every machine that can be built, and those that are booted when nobody chooses: each kernel and each IOMMU once or more. */
export const machines: readonly Machine[] = [
  { kernel: '6.1', iommu: 'intel' },
  { kernel: '6.1', iommu: 'amd' },
  { kernel: '6.12', iommu: 'intel' },
  { kernel: '6.12', iommu: 'amd' },
  { kernel: '6.12', iommu: 'iommufd' },
];

export function machineName({ kernel, iommu }: Machine): string {
  return `${kernel}-${iommu}`;
}
