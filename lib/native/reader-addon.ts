/**
 * What the addon's functions for readers are: any environment of this process (the main thread, a worker) finds the
 * newest views of an address space that any other has shared. As in engine-addon.ts, misuse throws: it is a mistake of
 * this package.
 */

/** A reader of one address space. Belongs to one thread. */
export type ReaderHandle = number;

/** What a lookup writes: a range in `rangeLayout` of engine-addon.ts, and more. Numbers are words of 64 bits. */
export const answerLayout = {
  /** u64: of the commit that made the view which the answer is from. Later ones are greater. */
  generation: 4,
  /** u64: how often the names have changed: where it differs, an id can be another region's. */
  names: 5,
} as const;

/** What {@link ReaderAddon.readerLookup} returns. */
export const lookupOutcome = {
  /** Nothing answers. What was written is an answer without a range. */
  nothing: 0,
  /** The answer was written. */
  found: 1,
  /** The answer is the one of the last lookup. Nothing was written. */
  same: 2,
  /** The address space is gone. */
  addressSpaceRemoved: -1,
  /** The engine is gone. */
  engineDestroyed: -2,
} as const;

/** What {@link ReaderAddon.readerLookup} returns. */
export type LookupOutcome = (typeof lookupOutcome)[keyof typeof lookupOutcome];

/** The readers' functions in the native addon. */
export interface ReaderAddon {
  /**
   * Makes a reader of what an engine of this process has shared.
   *
   * @param token What `engineShare` returned, in whatever environment: 0 to 2^64 - 1.
   * @returns 0 if that is nothing that is still there.
   */
  readerOpen(token: bigint): ReaderHandle;

  readerClose(reader: ReaderHandle): void;

  /** Has the reader hold no view until its next lookup. */
  readerLeave(reader: ReaderHandle): void;

  /**
   * Looks up the address in the first word of the exchange buffer in the newest view, and writes the answer there
   * ({@link answerLayout}).
   */
  readerLookup(reader: ReaderHandle): LookupOutcome;

  /** The kind of the region that the last lookup found. */
  readerRegionKind(reader: ReaderHandle): string;

  /** Its name. */
  readerRegionName(reader: ReaderHandle): string;
}
