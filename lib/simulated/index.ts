export type { Fault } from './faults.js';
export type { FileDescriptorKind } from './kvm-io-bus.js';
export type { DirtyRingEntry, SlotRules } from './kvm-slot-table.js';
export {
  type SimulatedAccess,
  type SimulatedAccessOptions,
  type SimulatedCall,
  SimulatedKvm,
  type SimulatedKvmOptions,
} from './simulated-kvm.js';
