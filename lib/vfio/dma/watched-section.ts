import type { Reason } from '../../mapping/mapping-rules.js';
import type { AddressRange } from '../../mapping/page-mapping.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import type { MemoryRegionSection } from '../../memory/views/section.js';

/** A section in which something shows now and nothing a moment later, without a commit of the topology. */
export interface WatchedSection extends AddressRange {
  readonly section: MemoryRegionSection;
  /** Why nothing is mapped where nothing shows. */
  readonly rest: Reason;
  /** Shows what is there now, and from then on whatever comes and goes. */
  start(): void;
  /** From now on nothing more is shown. Never throws. */
  stop(): void;
  /** Other clients watch which pages of it are written. */
  relog(dirtyLogMask: number): void;
}

/** Who is told what shows in a {@link WatchedSection}. */
export interface Shown {
  /** What shows in `window` by now. */
  in(window: AddressRange): readonly FlatRange[];
  /** In `window` show `ranges`, and nothing else. May refuse by throwing: then it shows what it did. */
  show(window: AddressRange, ranges: readonly FlatRange[]): void;
}
