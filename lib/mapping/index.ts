/**
 * From the ranges of a flat view to the pages that a consumer can map, refusals with their reasons, and the smallest plan from what is
 * installed to what is wanted. What listeners for KVM and VFIO stand on, for listeners of your own.
 *
 * @module flatview/mapping
 */

export { clip, type MappedPages, mapPages } from './map-pages.js';
export { MappedSpace, type MappedSpaceOptions, type Outcome } from './mapped-space.js';
export {
  isEmptyPlan,
  type MappingChange,
  type MappingPlan,
  type PlanCost,
  type PlanOptions,
  planCost,
  planMappings,
} from './mapping-plan.js';
export type { Cuts, MappingRules, Reason } from './mapping-rules.js';
export type { AddressRange, PageMapping } from './page-mapping.js';
export { Refusal, type RefusalCode, refusalCodes } from './refusal.js';
export type { RefusalChange, RefusalLedger, RefusalListener } from './refusal-ledger.js';
