export { clip, type MappedPages, mapPages } from './map-pages.js';
export { MappedSpace } from './mapped-space.js';
export {
  isEmptyPlan,
  type MappingChange,
  type MappingPlan,
  type PlanCost,
  type PlanOptions,
  planCost,
  planMappings,
} from './mapping-plan.js';
export type { MappingRules, Reason } from './mapping-rules.js';
export type { AddressRange, PageMapping } from './page-mapping.js';
export { Refusal, type RefusalCode, refusalCodes } from './refusal.js';
