/**
 * What the addon's engine functions are, and how what crosses is laid out. All layouts are little-endian.
 *
 * Handles, ids and counts are numbers of 32 bits without a sign. Misuse throws a `TypeError`, a `RangeError` or an
 * `Error`: it is a mistake of this package, not of its user.
 */

/** A native engine: the region tree of one topology, and its views. Belongs to one thread. */
export type EngineHandle = number;

/** A flat view held in memory. Belongs to one thread. */
export type ViewHandle = number;

/** Stands for no region, where a region's id is expected. */
export const noRegion = 0xffff_ffff;

/** Region ids are below this. */
export const maxRegions: number = 2 ** 28;

/**
 * A record of a batch: one row of the region tree or of the list of address spaces. A record is always the whole
 * row, so it makes no difference to send one again, and the order of records makes none either.
 *
 * Numbers are offsets in bytes; the field's type stands in its comment.
 */
export const recordLayout = {
  bytes: 64,

  /** u32: one of {@link recordOpcode}. Of a removal, only this and the id are read. */
  opcode: 0,
  /**
   * u32: of the region, or of the address space (ids of their own). The id of a removed region must not be used
   * again in the same batch.
   */
  id: 4,
  /** u32: bits of {@link regionRecordFlag} or {@link spaceRecordFlag}; all others are 0. */
  flags: 8,

  /** Address space, u32: the root region; {@link noRegion} if nothing answers. */
  root: 12,

  /** Region, u32: the region it lies in; {@link noRegion} for none. */
  parent: 12,
  /** Region, i32: against its siblings; the higher shows. */
  priority: 16,
  /** Region, u32: what an alias shows; {@link noRegion} for any other region. */
  aliasTarget: 20,
  /** Region, u64: where in its parent it begins. Of a root, where it begins in an address space. */
  address: 24,
  /** Region, u64: among siblings of one priority, the higher shows. */
  sequence: 32,
  /** Region, u64: in bytes; 0 if it is 2^64, which a flag says. */
  size: 40,
  /** Region, u64: the first byte of its target that an alias shows. */
  aliasOffset: 48,
  /** Region, u64: 0. */
  reserved: 56,
} as const;

/** What a record does. */
export const recordOpcode = {
  region: 1,
  regionRemoved: 2,
  addressSpace: 3,
  addressSpaceRemoved: 4,
} as const;

/** Flags in a region's record. */
export const regionRecordFlag = {
  /** Answers accesses itself, as anything but a container and an alias does. */
  terminates: 1 << 0,
  enabled: 1 << 1,
  readonly: 1 << 2,
  nonvolatile: 1 << 3,
  romd: 1 << 4,
  unmergeable: 1 << 5,
  alias: 1 << 6,
  /** The size is 2^64. */
  wholeSpace: 1 << 7,
  /** Not a property of the region: its ranges are reported even where this batch doesn't change them. */
  touched: 1 << 8,
} as const;

/** Where the eight bits of the dirty log mask begin in the flags of a region's record. */
export const regionRecordDirtyLogShift = 16;

/** Flags in an address space's record. */
export const spaceRecordFlag = {
  /** Its changes are reported. */
  watched: 1 << 0,
  /** The ranges that stay as they are, are reported, too, at every commit. */
  wantsUnchanged: 1 << 1,
} as const;

/**
 * A flat range, four words of 64 bits. Numbers are words; `region` and `attributes` count in halves of words.
 */
export const rangeLayout = {
  words: 4,
  /** u64: its first address. */
  first: 0,
  /** u64: its last address. */
  last: 1,
  /** u64: which byte of the region the first address reaches. */
  offset: 2,
  /** u32, in halves of words: the id of the region. */
  region: 6,
  /** u32, in halves of words: {@link rangeFlag}, and the fields of {@link rangeField}. */
  attributes: 7,
} as const;

/** Flags in a range's attributes. */
export const rangeFlag = {
  /** The region is readonly, or something that it is shown through. */
  readonly: 1 << 0,
  /** Likewise. */
  nonvolatile: 1 << 1,
  /** The region's own flag. */
  romd: 1 << 2,
  /** Like readonly. */
  unmergeable: 1 << 3,
} as const;

/** Fields in a range's attributes: the lowest bit, and the mask after shifting. */
export const rangeField = {
  dirtyLogMask: { shift: 8, mask: 0xff },
  /** Of a kept range in a change stream: the mask that it had before. */
  oldDirtyLogMask: { shift: 16, mask: 0xff },
  /** In a change stream: one of {@link changeKind}. */
  kind: { shift: 24, mask: 3 },
} as const;

/**
 * A change stream tells what a commit changes in the address spaces that are watched. It is a sequence of groups,
 * in the order of their lowest address space. Each is
 *
 * - a word: u32 number of address spaces, u32 number of entries (at least 1);
 * - their ids, ascending, two to a word (the last half may be left over);
 * - the entries, ranges in {@link rangeLayout}: first all `delete`s, ascending; then `add`s and `keep`s, together
 *   ascending (QEMU's two passes).
 *
 * All address spaces of a group change from one flat view to another, and want to hear the same. An entry `keep` is
 * a range in both views: one whose dirty log mask changed, or whose region's record was flagged `touched`, or any at
 * all for an address space flagged `wantsUnchanged`. A new address space had the empty view; a removed one gets it.
 */
export const changeKind = { delete: 0, add: 1, keep: 2 } as const;

/** What {@link EngineAddon.engineCommit} returns when it refuses a batch. */
export const commitRefusal = {
  /** An alias shows a region within itself, and clipping never ends it. Subject: the alias. */
  endlessAlias: -1,
  /** Containment and aliases nest more than 1,000 levels deep. Subject: the region there. */
  tooDeep: -2,
  /** Aliases multiply: more than 2^23 regions would have to be visited. Subject: the root of the view. */
  tooMuchWork: -3,
  /**
   * A record is none, or would break the tree: an unknown parent, target or root, a region within itself, an alias
   * of itself, a removed region that is still in use. Subject: the index of the record.
   */
  malformed: -4,
} as const;

/** The engine's functions in the native addon. */
export interface EngineAddon {
  /**
   * Where results go that are larger than a number: a buffer of 64 KiB, always the same one, so that copies of these
   * modules in one environment, which share the addon, read in the same place. It must never be detached.
   */
  exchangeBuffer(): ArrayBuffer;

  /**
   * Makes an engine without regions and address spaces.
   *
   * @param selfCheck Whether it renders all views from scratch at each commit, too, and compares.
   */
  engineCreate(selfCheck: boolean): EngineHandle;

  /** Frees the engine. Views that were acquired stay. */
  engineDestroy(engine: EngineHandle): void;

  /** Has the engine read batches from `buffer`, which it keeps alive. */
  engineUseBatch(engine: EngineHandle, buffer: ArrayBuffer): void;

  /**
   * Applies the first `recordCount` records of the batch ({@link recordLayout}), and renders.
   *
   * @param publish Whether the new views are in effect at once, and there is no way back. Otherwise the commit is
   * pending, and everybody sees the old views, until {@link enginePublish} or {@link engineRollback}.
   * @returns The length of the change stream in words of 64 bits ({@link changeKind}), as much of which as fits is in
   * the exchange buffer. Below 0 when refused ({@link commitRefusal}): nothing has changed, and the first word of the
   * exchange buffer is the subject.
   * @throws Where the self-check finds a mistake of the engine's; nothing has changed.
   */
  engineCommit(engine: EngineHandle, recordCount: number, publish: boolean): number;

  /**
   * Copies the last commit's change stream, from word `fromWord`, to the exchange buffer.
   *
   * @returns The number of words copied: less than the rest if the buffer is full.
   */
  engineReadChanges(engine: EngineHandle, fromWord: number): number;

  /** Puts the pending commit into effect. */
  enginePublish(engine: EngineHandle): void;

  /** Undoes the pending commit: all rows and views are as they were before. */
  engineRollback(engine: EngineHandle): void;

  /**
   * Forgets what regions are called, and begins anew: views that are published from now on come with the names that
   * follow. Those that readers see already keep theirs.
   */
  engineClearNames(engine: EngineHandle): void;

  /**
   * Says what a region is called, before any view is published that shows it.
   *
   * @param region An id that has had no name since {@link engineClearNames}.
   * @param kind Not empty.
   */
  engineAddName(engine: EngineHandle, region: number, kind: string, name: string): void;

  /**
   * Has every environment of this process find the views of an address space, from now on until it is removed or the
   * engine is destroyed. No commit may be pending.
   *
   * @returns The token to find it by: 0 to 2^64 - 1.
   */
  engineShare(engine: EngineHandle, addressSpace: number): bigint;

  /**
   * Tells views apart: the same number is the same view, which address spaces share or which a commit left alone.
   * 0 is the empty view, where nothing answers; an address space that the engine doesn't know shows that.
   */
  engineViewSerial(engine: EngineHandle, addressSpace: number): number;

  /** Holds what the address space shows at present, until {@link viewRelease}. */
  viewAcquire(engine: EngineHandle, addressSpace: number): ViewHandle;

  /**
   * Has `view` stand for what the address space shows at present.
   *
   * @returns Whether that is another view than before.
   */
  viewRenew(view: ViewHandle, engine: EngineHandle, addressSpace: number): boolean;

  viewRelease(view: ViewHandle): void;

  /** The region that was rendered, after short cuts; {@link noRegion} for the empty view. */
  viewRoot(view: ViewHandle): number;

  /** How many ranges there are. */
  viewRangeCount(view: ViewHandle): number;

  /**
   * Writes ranges ({@link rangeLayout}) to the exchange buffer, ascending, from the first that ends at `from` or
   * beyond.
   *
   * @param from 0 to 2^64 - 1.
   * @returns The number written: at most `maxCount`, and what the buffer holds.
   */
  viewRanges(view: ViewHandle, from: bigint | number, maxCount: number): number;

  /**
   * Looks up the address in the first word of the exchange buffer, and writes the range that holds it there
   * ({@link rangeLayout}). Where nothing answers that is the hole, its region {@link noRegion}.
   */
  viewLookup(view: ViewHandle): void;
}
