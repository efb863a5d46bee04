export { deviceClassName } from './device-class.js';
export {
  type HostPciDevice,
  isBridge,
  readHostDevice,
  readHostDevices,
} from './host-device.js';
export { type HostFileProblem, HostFiles, type HostRoots, thisHost } from './host-files.js';
export type { HostIommu } from './host-iommu.js';
export type { IommuGroup, IommuGroupMember } from './iommu-group.js';
export type { KernelRelease } from './kernel-release.js';
export type { MemoryLimit, MemoryLock } from './memory-lock.js';
export { type MmapVerdict, type MmapVerdictCode, mmapVerdictCodes } from './mmap-verdict.js';
export {
  anyInTheWay,
  type Cure,
  type Obstacle,
  type ObstacleId,
  obstacleIds,
  type Severity,
} from './obstacle.js';
export type { BarPlace, PageNeighbour } from './page-neighbours.js';
export { parsePciAddress } from './pci-address.js';
export { alignmentOf, barName, type PciResource, type PciResourceKind } from './pci-resource.js';
export {
  type BarReport,
  type DeviceReport,
  type HostReport,
  type PreflightOptions,
  type PreflightReport,
  preflight,
} from './preflight.js';
export type { VfioSupport } from './vfio-support.js';
