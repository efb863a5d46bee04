export type { AddressLike } from './address.js';
export { type ErrorCode, type ErrorDetails, errorCodes, FlatviewError } from './errors.js';
export type { Rejection, RejectionReason } from './memory/access/access.js';
export type { ReadOutcome } from './memory/access/address-space-access.js';
export type { BounceBuffers } from './memory/access/bounce-buffers.js';
export type { DmaMapOptions, DmaMapping } from './memory/access/dma-mapping.js';
export {
  type Endianness,
  type MemTxAttributes,
  type MemTxFault,
  MemTxResult,
} from './memory/access/mem-tx.js';
export type {
  ImplementedAccesses,
  MemoryRegionOps,
  ValidAccesses,
} from './memory/access/memory-region-ops.js';
export type { AddressSpace } from './memory/address-space.js';
export type { AliasOptions, AliasRegion } from './memory/alias-region.js';
export type { CoalescedRange } from './memory/coalesced-range.js';
export { type DirtyBitmap, type DirtySnapshot, dirtyPageSize } from './memory/dirty-bitmap.js';
export type {
  ExplainedRegion,
  Explanation,
  PathStep,
  ShadowCode,
  ShadowedRegion,
  ShadowReason,
} from './memory/explain.js';
export type { FlatRange, FlatView } from './memory/flat-view.js';
export { type AccessWidth, HostMemory, type HostMemoryOptions } from './memory/host-memory.js';
export type { IoRegion } from './memory/io-region.js';
export type { IoEventFd } from './memory/ioeventfd.js';
export type {
  IommuAccess,
  IommuEvent,
  IommuEventType,
  IommuNotifier,
  IommuNotifierList,
  IommuOps,
  IommuPermission,
  IommuTranslation,
} from './memory/iommu.js';
export type { IommuRegion } from './memory/iommu-region.js';
export type { MemoryListener } from './memory/memory-listener.js';
export type { MemoryRegion, RegionOptions } from './memory/memory-region.js';
export {
  type RamDiscardListener,
  RamDiscardManager,
  type RamDiscardOptions,
} from './memory/ram-discard-manager.js';
export type { RamOptions, RamRegion } from './memory/ram-region.js';
export { type DirtyLogClient, dirtyLogClients, type RegionKind } from './memory/region-state.js';
export type { RomDeviceOptions, RomDeviceRegion } from './memory/rom-device-region.js';
export type { MemoryRegionSection } from './memory/section.js';
export { MemoryTopology } from './memory/topology.js';
