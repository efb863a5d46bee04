export type {
  BarBacking,
  BarIndex,
  BarLayout,
  BarPagePlan,
  BarPages,
  OffsetRange,
} from './bar.js';
export { type PagePolicy, type PlacedBar, plainPlan } from './page-policy.js';
