import type { RegionKind } from '../memory/commit/region-state.js';

/**
 * A region tree as data: what a dump of a machine's memory holds, and what a file can be written from. Ids are small
 * integers that mean something only within one document. `docs/topology-json.md` describes the form in a file.
 */
export interface TopologyDocument {
  /** What the document is about, for people. */
  readonly name?: string;
  readonly regions: readonly RegionRecord[];
  /** In the order in which they were created, which is the order of the monitor's lists. */
  readonly addressSpaces: readonly AddressSpaceRecord[];
  /** The flat views that the regions render to, one for each set of address spaces that share one. */
  readonly flatViews?: readonly FlatViewRecord[];
}

/** One memory region with all its attributes. */
export interface RegionRecord {
  readonly id: number;
  /** Names may repeat. */
  readonly name: string;
  readonly kind: RegionKind;
  /** Bytes from the start of the parent. A region without a parent has an address too, and it counts. */
  readonly address: bigint;
  /** In bytes, 0 to 2^64. */
  readonly size: bigint;
  readonly priority: number;
  readonly enabled: boolean;
  readonly parent: number | undefined;
  /** Place among siblings of equal priority: the lowest is looked at first and wins. */
  readonly order: number;
  /** Where an alias shows what; absent for every other kind. */
  readonly alias: AliasRecord | undefined;
  readonly readonly: boolean;
  readonly nonvolatile: boolean;
  /** Whether a rom device is read like memory at the moment; without meaning for other kinds. */
  readonly romd: boolean;
  readonly unmergeable: boolean;
  /** Clients of the dirty log: 1 VGA, 2 code, 4 migration. */
  readonly dirtyLogMask: number;
  /** Whose region it is, in the monitor's words (`owner:{dev path=/machine/...}`) or the embedder's. */
  readonly owner: string | undefined;
}

/** The window that an alias is: its first byte shows the target's byte at `offset`. */
export interface AliasRecord {
  readonly target: number;
  readonly offset: bigint;
}

/** A named view of the tree from one root. */
export interface AddressSpaceRecord {
  readonly name: string;
  readonly root: number;
}

/** A flat view and the address spaces that have it, by their index in {@link TopologyDocument.addressSpaces}. */
export interface FlatViewRecord {
  readonly addressSpaces: readonly number[];
  /** The region that was rendered; undefined for the empty view. */
  readonly root: number | undefined;
  readonly ranges: readonly FlatRangeRecord[];
}

/** One range of a flat view. */
export interface FlatRangeRecord {
  readonly address: bigint;
  readonly size: bigint;
  readonly region: number;
  readonly offset: bigint;
  readonly readonly: boolean;
  readonly nonvolatile: boolean;
  readonly romd: boolean;
  readonly dirtyLogMask: number;
}
