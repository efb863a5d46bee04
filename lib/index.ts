/**
 * The memory core of a virtual machine monitor: a tree of memory regions, the flat view that it renders to, listeners that hear of
 * each change, and topologies as text and as documents.
 *
 * @module flatview
 */

export type { AddressLike } from './address.js';
export { type ErrorCode, type ErrorDetails, errorCodes, FlatviewError } from './errors.js';
export type { LongWorkOptions, WorkProgress } from './long-work.js';
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
export type { CommitEdit, CommitObserver } from './memory/commit/commit-observer.js';
export {
  type DirtyLogClient,
  dirtyLogClients,
  type RegionKind,
} from './memory/commit/region-state.js';
export {
  type DirtyBitmap,
  type DirtySnapshot,
  dirtyPageSize,
} from './memory/dirty/dirty-bitmap.js';
export type { ConsumerVerdict } from './memory/explain/consumer-verdict.js';
export type {
  ExplainedRegion,
  Explanation,
  ListenerVerdict,
  PathStep,
  ShadowCode,
  ShadowedRegion,
  ShadowReason,
} from './memory/explain/explain.js';
export { type AccessWidth, HostMemory, type HostMemoryOptions } from './memory/host-memory.js';
export type { MemoryListener } from './memory/listeners/memory-listener.js';
export type { OffsetRange } from './memory/range-set.js';
export type { AliasOptions, AliasRegion } from './memory/regions/alias-region.js';
export type { CoalescedRange } from './memory/regions/coalesced-range.js';
export type { IoRegion, IoRegionOptions } from './memory/regions/io-region.js';
export type { IoEventFd } from './memory/regions/ioeventfd.js';
export type {
  IommuAccess,
  IommuEvent,
  IommuEventType,
  IommuNotifier,
  IommuNotifierList,
  IommuOps,
  IommuPermission,
  IommuTranslation,
} from './memory/regions/iommu.js';
export type { IommuRegion } from './memory/regions/iommu-region.js';
export type { MemoryRegion, RegionOptions } from './memory/regions/memory-region.js';
export {
  type RamDiscardListener,
  RamDiscardManager,
  type RamDiscardOptions,
} from './memory/regions/ram-discard-manager.js';
export type { RamOptions, RamRegion } from './memory/regions/ram-region.js';
export type { RomDeviceOptions, RomDeviceRegion } from './memory/regions/rom-device-region.js';
export { MemoryTopology, type TopologyOptions } from './memory/topology.js';
export type { FlatRange, FlatView } from './memory/views/flat-view.js';
export {
  FlatViewReader,
  type RegionInfo,
  type SharedAddressSpace,
} from './memory/views/flat-view-reader.js';
export type { MemoryRegionSection } from './memory/views/section.js';
export { type BuiltTopology, buildTopology, buildTopologyAsync } from './mtree/build-topology.js';
export { type DescribeOptions, describeTopology } from './mtree/describe-topology.js';
export { explanationJson } from './mtree/explanation-json.js';
export { explanationLines } from './mtree/explanation-text.js';
export type { Note, NoteCode } from './mtree/monitor-text/notes.js';
export { type MonitorTopology, readMonitorText } from './mtree/monitor-text/read-monitor-text.js';
export { type ReadTopology, readTopology, readTopologyAsync } from './mtree/read-topology.js';
export { readTopologyJson } from './mtree/read-topology-json.js';
export type {
  AddressSpaceRecord,
  AliasRecord,
  FlatRangeRecord,
  FlatViewRecord,
  RegionRecord,
  TopologyDocument,
} from './mtree/topology-document.js';
export { type FlatViewTextOptions, flatViewLines } from './mtree/write-flat-views.js';
export { type RegionTreeOptions, regionTreeLines } from './mtree/write-region-tree.js';
export { writeTopologyJson } from './mtree/write-topology-json.js';
