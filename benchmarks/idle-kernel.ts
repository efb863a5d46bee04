import { type KvmVm, kvmCapability } from '../lib/kvm/index.js';

/** A VM of a kernel that does nothing: what is left is our own work. */
export const idleKernel: KvmVm = {
  pageSize: 0x1000n,
  checkExtension: (capability) => (capability === kvmCapability.nrMemslots ? 32_764 : 1),
  enableCapability() {},
  setUserMemoryRegion() {},
  ioEventFd() {},
  registerCoalescedMmio() {},
  unregisterCoalescedMmio() {},
  getDirtyLog() {},
  clearDirtyLog() {},
};
