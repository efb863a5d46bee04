/**
 * KVM: memory slots, ioeventfds and coalesced writes that follow an address space, the dirty log, and virtual machines with their vCPUs.
 *
 * @module flatview/kvm
 */

export { KvmCoalescedMmio } from './coalesced-mmio.js';
export { EventFd } from './event-fd.js';
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
export type { GuestSpaces } from './machine/guest-bus.js';
export { Kvm, type VirtualMachineOptions } from './machine/kvm.js';
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
} from './machine/registers.js';
export type { RunHereOptions, Vcpu } from './machine/vcpu.js';
export type { VcpuEnd, VcpuEvent } from './machine/vcpu-event.js';
export type { VirtualMachine } from './machine/virtual-machine.js';
export type { DirtyPage } from './slots/dirty-ring.js';
export { KvmMemorySlots, type KvmMemorySlotsOptions } from './slots/memory-slots.js';
export type { GuestMemfdOf } from './slots/slot-rules.js';
export type { GuestMemfd, MemorySlot } from './slots/slot-step.js';
export type { SlotVerdict } from './slots/slot-verdict.js';
