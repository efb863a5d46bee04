export { assumedConsumers } from './assumed-consumers.js';
export { buildPageMap, type PageMapOptions } from './build-page-map.js';
export { type Consumer, listeningConsumers } from './consumer.js';
export { mapWindow } from './map-window.js';
export type {
  ConsumerMap,
  Extent,
  MapRange,
  MapRegion,
  MapVerdict,
  PageMap,
  PageRun,
  Placement,
  RangeState,
  SpaceMap,
} from './page-map.js';
export { pageMapJson } from './page-map-json.js';
export type { WalkProgress } from './place-regions.js';
export { type TerminalMapOptions, terminalMapLines } from './terminal-map.js';
