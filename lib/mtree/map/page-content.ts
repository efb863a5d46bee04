import type { PackedTimeline } from './map-timeline.js';
import type { PackedMap } from './map-transport.js';

/** What a page shows, as it travels in it: JSON, deflated without a header, in base64. One member is there. */
export interface PageContent {
  /** One state, or two to be compared. */
  readonly states?: readonly PackedMap[];
  readonly timeline?: PackedTimeline;
}
