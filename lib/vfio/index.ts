/**
 * VFIO and iommufd: containers, groups and devices, and the listener that maps an address space for their DMA.
 *
 * @module flatview/vfio
 */

export type { PinOptions, PinProgress } from './dma-pinning.js';
export type { DmaChoices } from './dma-rules.js';
export {
  type ContainerSpaceOptions,
  type DmaDirtyTracking,
  type DmaSpace,
  type DmaSpaceLimits,
  dmaSpaceOf,
} from './dma-space.js';
export type { DmaVerdict } from './dma-verdict.js';
export { Passthrough, type PassthroughOptions } from './passthrough.js';
export { type DrivenDevice, locatePciDevice, type PciLocation } from './pci-location.js';
export type { TranslationCounts } from './translated-section.js';
export { Vfio, type VfioOptions } from './vfio.js';
export { type AttachOptions, VfioDmaMapper, type VfioDmaMapperOptions } from './vfio-dma-mapper.js';
export * from './vfio-interface.js';
export { type VfioCall, vfioIoctlError } from './vfio-ioctl-error.js';
