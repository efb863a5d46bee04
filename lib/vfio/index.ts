export {
  type ContainerSpaceOptions,
  type DmaDirtyTracking,
  type DmaSpace,
  type DmaSpaceLimits,
  dmaSpaceOf,
} from './dma-space.js';
export { Passthrough, type PassthroughOptions } from './passthrough.js';
export { type DrivenDevice, locatePciDevice, type PciLocation } from './pci-location.js';
export { Vfio, type VfioOptions } from './vfio.js';
export * from './vfio-interface.js';
export { type VfioCall, vfioIoctlError } from './vfio-ioctl-error.js';
