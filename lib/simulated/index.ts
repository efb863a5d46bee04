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
} from './device/device-description.js';
export type { DmaPiece, SimulatedDma } from './device/device-dma.js';
export type { PlacedBar } from './device/placed-bar.js';
export type { SimulatedConfigSpace } from './device/simulated-config-space.js';
export type { SimulatedDevice, SimulatedDeviceAccess } from './device/simulated-device.js';
export type { SimulatedIrqs } from './device/simulated-irqs.js';
export type { Fault } from './faults.js';
export type { FileDescriptorKind } from './kvm/kvm-io-bus.js';
export type { DirtyRingEntry, SlotRules } from './kvm/kvm-slot-table.js';
export {
  type SimulatedAccess,
  type SimulatedAccessOptions,
  type SimulatedCall,
  SimulatedKvm,
  type SimulatedKvmOptions,
} from './kvm/simulated-kvm.js';
export type { KernelMapping } from './vfio/dma-mappings.js';
export type { BarMap, BarPiece, HostPiece } from './vfio/mapped-bars.js';
export {
  allHostMemory,
  type HostMemoryAccess,
  type HostMemoryProbe,
  realHostMemory,
} from './vfio/process-memory.js';
export type { SimulatedVfioRules } from './vfio/simulated-kernel.js';
export { SimulatedVfio, type SimulatedVfioOptions } from './vfio/simulated-vfio.js';
export type { SimulatedVfioCall } from './vfio/vfio-call-log.js';
