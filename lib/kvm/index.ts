export { KvmCoalescedMmio } from './coalesced-mmio.js';
export { type KvmBus, KvmIoEventFds } from './ioeventfds.js';
export {
  type CoalescedZone,
  type IoEventFdRequest,
  type KvmVm,
  kvmCapability,
  manualDirtyLogProtect,
  maxSlotPages,
  type UserMemoryRegion,
  userMemoryFlag,
} from './kvm-interface.js';
export { type KvmVmIoctl, kvmIoctlError } from './kvm-ioctl-error.js';
export { KvmMemorySlots, type KvmMemorySlotsOptions } from './memory-slots.js';
export type { GuestMemfdOf } from './slot-rules.js';
export type { GuestMemfd, MemorySlot } from './slot-step.js';
export type { SlotVerdict } from './slot-verdict.js';
