import type { OffsetRange } from '../../memory/range-set.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';

export type { OffsetRange };

/** Number of a base address register of a function; 6 is the expansion ROM. */
export type BarIndex = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** What a BAR asks for (PCI Local Bus Specification 3.0, 6.2.5). */
export interface BarLayout {
  /** Which BAR it is. */
  readonly index: BarIndex;
  /** What it decodes: memory, ports, or the memory of the expansion ROM. */
  readonly kind: 'memory' | 'io' | 'rom';
  /** Bytes: a power of two; of memory at least 16, of ports at least 4, of a ROM at least 2 KiB. */
  readonly size: bigint;
  /** Whether the next register holds the upper half of the address. */
  readonly is64Bit: boolean;
  /** Whether reading has no effect, so that reads may be made ahead and writes be merged (bit 3). */
  readonly isPrefetchable: boolean;
}

/**
 * What can be mapped of a BAR, as far as it depends on the device and on who emulates a part of it, and not on where the
 * guest puts it.
 */
export interface BarPages {
  /** The parts that are mapped into this process: ascending, none overlapping another, none empty. */
  readonly areas: readonly OffsetRange[];
  /**
   * Whether the rest of the last host page belongs to nobody else, so that a BAR smaller than a page may show it all: what the
   * kernel promises by VFIO_REGION_INFO_FLAG_MMAP on such a BAR (Linux 05f0c03fbac1).
   */
  readonly ownsWholePage: boolean;
  /** The parts that something else answers: quirks, an emulated MSI-X table. Ascending, none overlapping another. */
  readonly cuts: readonly OffsetRange[];
}

/** How a BAR is to show: what the page policy makes of where it is and of what is near it. */
export interface BarPagePlan {
  /** Bytes that it takes: its size, or a whole page when it is grown. */
  readonly size: bigint;
  /** 0 for one that is grown, so that any other BAR in the page wins; else 1. */
  readonly priority: 0 | 1;
  /** Whole pages that show the slow path, ascending, as parts of `size`: a guest can't be given them. */
  readonly slowPages: readonly OffsetRange[];
}

/** What shows where a BAR is. */
export interface BarBacking {
  /** Put at the BAR's address. Its size is the BAR's, unless {@link applyPlan} makes it another. */
  readonly region: MemoryRegion;
  /** What can be mapped of it; `undefined` where nothing can, as of emulated devices. */
  readonly pages?: BarPages | undefined;
  /** Called within a transaction whenever the plan is another one; the bus sets the priority itself. */
  applyPlan?(plan: BarPagePlan): void;
}
