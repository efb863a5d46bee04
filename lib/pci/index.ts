export type {
  BarBacking,
  BarIndex,
  BarLayout,
  BarPagePlan,
  BarPages,
  OffsetRange,
} from './bar.js';
export {
  type BarPlacement,
  isSamePlan,
  planBarPages,
  type SlowPageCode,
  type SlowPages,
  slowPageCodes,
  slowPagesOf,
  unplacedPlan,
} from './bar-page-policy.js';
