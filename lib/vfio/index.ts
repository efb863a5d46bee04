/**
 * VFIO and iommufd: containers, groups and devices, and the listener that maps an address space for their DMA.
 *
 * @module flatview/vfio
 */

export type { PinOptions, PinProgress } from './dma/dma-pinning.js';
export type { DmaChoices } from './dma/dma-rules.js';
export {
  type ContainerSpaceOptions,
  type DmaDirtyTracking,
  type DmaSpace,
  type DmaSpaceLimits,
  dmaSpaceOf,
} from './dma/dma-space.js';
export type { DmaVerdict } from './dma/dma-verdict.js';
export type { TranslationCounts } from './dma/translated-section.js';
export {
  type AttachOptions,
  VfioDmaMapper,
  type VfioDmaMapperOptions,
} from './dma/vfio-dma-mapper.js';
export { Vfio, type VfioOptions } from './kernel/vfio.js';
export { Passthrough, type PassthroughOptions } from './passthrough/passthrough.js';
export {
  type DrivenDevice,
  locatePciDevice,
  type PciLocation,
} from './passthrough/pci-location.js';
export * from './vfio-interface.js';
export { type VfioCall, vfioIoctlError } from './vfio-ioctl-error.js';
