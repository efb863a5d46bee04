/**
 * KVM: memory slots, ioeventfds and coalesced writes that follow an address space, the dirty log, and virtual machines with their vCPUs.
 *
 * @module flatview/kvm
 */

export { KvmCoalescedMmio } from './coalesced-mmio.js';
export type { DirtyPage } from './dirty-ring.js';
export { EventFd } from './event-fd.js';
export type { GuestSpaces } from './guest-bus.js';
export { type KvmBus, KvmIoEventFds } from './ioeventfds.js';
export { Kvm, type VirtualMachineOptions } from './kvm.js';
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
export {
  type ControlRegisterName,
  type DescriptorTable,
  type DescriptorTableName,
  flatCodeSegment,
  flatDataSegment,
  type GeneralRegisterName,
  type GeneralRegisters,
  type Registers,
  realModeSegment,
  type Segment,
  type SegmentName,
  type SpecialRegisters,
} from './registers.js';
export type { GuestMemfdOf } from './slot-rules.js';
export type { GuestMemfd, MemorySlot } from './slot-step.js';
export type { SlotVerdict } from './slot-verdict.js';
export type { RunHereOptions, Vcpu } from './vcpu.js';
export type { VcpuEnd, VcpuEvent } from './vcpu-event.js';
export type { VirtualMachine } from './virtual-machine.js';
