export type { GuestSpaces } from './guest-bus.js';
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
export {
  type DescriptorTable,
  flatCodeSegment,
  flatDataSegment,
  type GeneralRegisters,
  type Registers,
  realModeSegment,
  type Segment,
  type SpecialRegisters,
} from './registers.js';
export type { RunHereOptions, Vcpu } from './vcpu.js';
export type { VcpuEnd, VcpuEvent } from './vcpu-event.js';
export type { VirtualMachine } from './virtual-machine.js';
