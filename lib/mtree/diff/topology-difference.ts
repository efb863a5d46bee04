import type { ShownPiece } from './shown-piece.js';

/** How two topologies differ, as far as their flat views show it. */
export interface TopologyDifference {
  /** One element for each pair of flat views that differ, in the order of the address spaces before. */
  readonly views: readonly ViewDifference[];
  /** Names of address spaces that there are only before. */
  readonly spacesGone: readonly string[];
  /** Names of address spaces that there are only after. */
  readonly spacesNew: readonly string[];
}

/** How two flat views differ. */
export interface ViewDifference {
  /** The address spaces that have these views before and after. */
  readonly addressSpaces: readonly string[];
  /** Ascending by their first address. */
  readonly changes: readonly Change[];
}

/** What is another aspect than before where something shows before and after. */
export type ChangedAspect = 'region' | 'offset' | 'type' | 'nonvolatile';

/**
 * One change of a flat view.
 *
 * - `gone`: what showed here doesn't any more, and nothing else does.
 * - `new`: nothing showed here before.
 * - `changed`: something else shows, or the same in another way.
 * - `moved`: a region shows here that showed elsewhere before. What it leaves behind or covers is a change of its own
 *   only if something else shows there, too.
 *
 * @example
 * ```ts
 * import { buildTopology, describeTopology, MemoryTopology } from 'flatview';
 * import { type Change, type ChangedAspect, diffTopologies, type ShownPiece } from 'flatview/diff';
 *
 * const topology = new MemoryTopology();
 * const bios = topology.ram('pc.ram', 0x1_0000n, { backing: 'none' });
 * topology.addressSpace('memory', bios);
 * const { topology: before } = buildTopology(describeTopology(topology.addressSpaces));
 * bios.readonly = true;
 *
 * const { views } = diffTopologies(before.addressSpaces, topology.addressSpaces);
 * const change: Change | undefined = views[0]?.changes[0];
 * const aspects: readonly ChangedAspect[] = change?.kind === 'changed' ? change.aspects : [];
 * aspects; // => ['type']
 * const pieces: ShownPiece[] = change?.kind === 'changed' ? [change.before, change.after] : [];
 * pieces.map(({ type }) => type); // => ['ram', 'rom']
 * before.close();
 * topology.close();
 * ```
 */
export type Change =
  | {
      readonly kind: 'gone';
      readonly first: bigint;
      readonly last: bigint;
      readonly before: ShownPiece;
    }
  | {
      readonly kind: 'new';
      readonly first: bigint;
      readonly last: bigint;
      readonly after: ShownPiece;
    }
  | {
      readonly kind: 'changed';
      readonly first: bigint;
      readonly last: bigint;
      readonly before: ShownPiece;
      readonly after: ShownPiece;
      readonly aspects: readonly ChangedAspect[];
    }
  | {
      readonly kind: 'moved';
      readonly first: bigint;
      readonly last: bigint;
      /** From the first to the last address where it showed; something else may show in between. */
      readonly before: ShownPiece;
      readonly after: ShownPiece;
      /** How far its first byte moved, in bytes; negative for downwards. */
      readonly distance: bigint;
    };

export const changeKinds = ['gone', 'new', 'changed', 'moved'] as const;

/**
 * Whether two topologies show the same.
 *
 * @example
 * ```ts
 * import { buildTopology, describeTopology, MemoryTopology } from 'flatview';
 * import { diffTopologies, isSame } from 'flatview/diff';
 *
 * const topology = new MemoryTopology();
 * const system = topology.container('system', 1n << 64n);
 * topology.addressSpace('memory', system);
 * const { topology: copy } = buildTopology(describeTopology(topology.addressSpaces));
 * isSame(diffTopologies(copy.addressSpaces, topology.addressSpaces)); // => true
 * system.addSubregion(0xfed0_0000n, topology.io('hpet', 0x400n, {}));
 * isSame(diffTopologies(copy.addressSpaces, topology.addressSpaces)); // => false
 * copy.close();
 * topology.close();
 * ```
 */
export function isSame({ views, spacesGone, spacesNew }: TopologyDifference): boolean {
  return views.length === 0 && spacesGone.length === 0 && spacesNew.length === 0;
}
