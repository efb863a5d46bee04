/**
 * Pictures of address spaces: what lies where, what hides it, and what KVM and VFIO made of each page.
 *
 * @module flatview/map
 */

export type { LongWorkOptions, WorkProgress } from '../../long-work.js';
export { assumedConsumers } from './assumed-consumers.js';
export { buildPageMap, buildPageMapAsync, type PageMapOptions } from './build-page-map.js';
export { buildTimeline, type TimelineOptions } from './build-timeline.js';
export { type Consumer, listeningConsumers } from './consumer.js';
export { type HtmlMapState, htmlMap, htmlTimeline } from './html-map.js';
export {
  type ConsumerChange,
  type MapChange,
  type MapSide,
  mapChanges,
} from './map-changes.js';
export { MapTimeline, type TimelineHands, type TimelineStep } from './map-timeline.js';
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
export { type SvgMapOptions, svgMap } from './svg-map.js';
export { type TerminalMapOptions, terminalMapLines } from './terminal-map.js';
