export {
  type ContainerSpaceOptions,
  type DmaDirtyTracking,
  type DmaSpace,
  type DmaSpaceLimits,
  dmaSpaceOf,
} from './dma-space.js';
export { Vfio, type VfioOptions } from './vfio.js';
export * from './vfio-interface.js';
export { type VfioCall, vfioIoctlError } from './vfio-ioctl-error.js';
