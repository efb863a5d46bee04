import type { RegionKind } from '../memory/commit/region-state.js';

/**
 * A region tree as data: what a dump of a machine's memory holds, and what a file can be written from. Ids are small
 * integers that mean something only within one document. `docs/topology-json.md` describes the form in a file.
 */
export interface TopologyDocument {
  /** What the document is about, for people. */
  readonly name?: string;
  /** Every region once, in any order. */
  readonly regions: readonly RegionRecord[];
  /** In the order in which they were created, which is the order of the monitor's lists. */
  readonly addressSpaces: readonly AddressSpaceRecord[];
  /** The flat views that the regions render to, one for each set of address spaces that share one. */
  readonly flatViews?: readonly FlatViewRecord[];
}

/** One memory region with all its attributes. */
export interface RegionRecord {
  /** Its number within the document. */
  readonly id: number;
  /** Names may repeat. */
  readonly name: string;
  /** What answers at its addresses. */
  readonly kind: RegionKind;
  /** Bytes from the start of the parent. A region without a parent has an address too, and it counts. */
  readonly address: bigint;
  /** In bytes, 0 to 2^64. */
  readonly size: bigint;
  /** The higher wins among siblings that overlap: a 32-bit signed integer. */
  readonly priority: number;
  /** Whether it, and what is below it, shows at all. */
  readonly enabled: boolean;
  /** Id of its parent; `undefined` where it has none. */
  readonly parent: number | undefined;
  /** Place among siblings of equal priority: the lowest is looked at first and wins. */
  readonly order: number;
  /** Where an alias shows what; absent for every other kind. */
  readonly alias: AliasRecord | undefined;
  /** Whether writes are refused here and below. */
  readonly readonly: boolean;
  /** Whether the memory here and below is nonvolatile. */
  readonly nonvolatile: boolean;
  /** Whether a rom device is read like memory at the moment; without meaning for other kinds. */
  readonly romd: boolean;
  /** Whether its ranges stay apart from neighbours that continue them. */
  readonly unmergeable: boolean;
  /** Clients of the dirty log: 1 VGA, 2 code, 4 migration. */
  readonly dirtyLogMask: number;
  /** Whose region it is, in the monitor's words (`owner:{dev path=/machine/...}`) or the embedder's. */
  readonly owner: string | undefined;
}

/** The window that an alias is: its first byte shows the target's byte at `offset`. */
export interface AliasRecord {
  /** Id of the region that it shows. */
  readonly target: number;
  /** Where in the target the window begins, in bytes. */
  readonly offset: bigint;
}

/** A named view of the tree from one root. */
export interface AddressSpaceRecord {
  /** Names may repeat. */
  readonly name: string;
  /** Id of the region at its root. */
  readonly root: number;
}

/**
 * A flat view and the address spaces that have it, by their index in {@link TopologyDocument.addressSpaces}.
 *
 * @example
 * ```ts
 * import {
 *   describeTopology,
 *   type FlatRangeRecord,
 *   type FlatViewRecord,
 *   MemoryTopology,
 *   type RegionRecord,
 * } from 'flatview';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * system.addSubregion(0xfffc_0000n, topology.rom('pc.bios', 0x4_0000n, { backing: 'none' }));
 * topology.addressSpace('memory', system);
 * topology.addressSpace('cpu-memory-0', system);
 *
 * const { regions, flatViews } = describeTopology(topology.addressSpaces, { flatViews: true });
 * const [view]: readonly FlatViewRecord[] = flatViews ?? [];
 * view?.addressSpaces; // => [0, 1]
 * const range: FlatRangeRecord | undefined = view?.ranges[0];
 * [range?.address, range?.size]; // => [0xfffc_0000n, 0x4_0000n]
 * const region: RegionRecord | undefined = regions.find(({ id }) => id === range?.region);
 * region?.name; // => 'pc.bios'
 * topology.close();
 * ```
 */
export interface FlatViewRecord {
  /** The address spaces, by their index. */
  readonly addressSpaces: readonly number[];
  /** The region that was rendered; undefined for the empty view. */
  readonly root: number | undefined;
  /** Ascending, none overlapping another. */
  readonly ranges: readonly FlatRangeRecord[];
}

/** One range of a flat view. */
export interface FlatRangeRecord {
  /** The first address. */
  readonly address: bigint;
  /** In bytes. */
  readonly size: bigint;
  /** Id of the region that answers. */
  readonly region: number;
  /** Offset of the first byte within the region. */
  readonly offset: bigint;
  /** Whether writes are refused, by the region or by a step on the way to it. */
  readonly readonly: boolean;
  /** Whether the memory is nonvolatile, by the region or by a step on the way to it. */
  readonly nonvolatile: boolean;
  /** Whether a rom device is read like memory. */
  readonly romd: boolean;
  /** As {@link RegionRecord.dirtyLogMask}. */
  readonly dirtyLogMask: number;
}
