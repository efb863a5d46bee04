/**
 * How two topologies differ, as far as their flat views show it.
 *
 * @module flatview/diff
 */

export type { LongWorkOptions, WorkProgress } from '../../long-work.js';
export { diffTopologies, diffTopologiesAsync } from './diff-topologies.js';
export { differenceJson, differenceLines } from './difference-text.js';
export type { ShownPiece } from './shown-piece.js';
export {
  type Change,
  type ChangedAspect,
  isSame,
  type TopologyDifference,
  type ViewDifference,
} from './topology-difference.js';
