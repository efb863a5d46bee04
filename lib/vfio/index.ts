export * from './vfio-interface.js';
export { type VfioCall, vfioIoctlError } from './vfio-ioctl-error.js';
