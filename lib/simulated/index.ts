/**
 * Kernels made of TypeScript with the rules and errors of the real ones, for tests: a VM of KVM, a host with VFIO and iommufd.
 *
 * @module flatview/simulated
 */

export type {
  SimulatedBar,
  SimulatedCapability,
  SimulatedDeviceDescription,
  SimulatedMsix,
  SimulatedRegisters,
  SimulatedRegistersSource,
} from './device-description.js';
export type { DmaPiece, SimulatedDma } from './device-dma.js';
export type { KernelMapping } from './dma-mappings.js';
export type { Fault } from './faults.js';
export type { FileDescriptorKind } from './kvm-io-bus.js';
export type { DirtyRingEntry, SlotRules } from './kvm-slot-table.js';
export type { BarMap, BarPiece, HostPiece } from './mapped-bars.js';
export type { PlacedBar } from './placed-bar.js';
export {
  allHostMemory,
  type HostMemoryAccess,
  type HostMemoryProbe,
  realHostMemory,
} from './process-memory.js';
export type { SimulatedConfigSpace } from './simulated-config-space.js';
export type { SimulatedDevice, SimulatedDeviceAccess } from './simulated-device.js';
export type { SimulatedIrqs } from './simulated-irqs.js';
export type { SimulatedVfioRules } from './simulated-kernel.js';
export {
  type SimulatedAccess,
  type SimulatedAccessOptions,
  type SimulatedCall,
  SimulatedKvm,
  type SimulatedKvmOptions,
} from './simulated-kvm.js';
export { SimulatedVfio, type SimulatedVfioOptions } from './simulated-vfio.js';
export type { SimulatedVfioCall } from './vfio-call-log.js';
