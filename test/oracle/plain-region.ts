// The oracle's own region: a plain record, nothing computed, nothing shared with the code under test.

/** A region and, behind it, its whole tree. */
export interface PlainRegion {
  readonly name: string;
  /** Within its parent; a region that is a root is moved by it too. */
  address: bigint;
  /** 0 to 2^64. */
  size: bigint;
  /** Compared among siblings only. */
  priority: number;
  enabled: boolean;
  readonly: boolean;
  nonvolatile: boolean;
  unmergeable: boolean;
  romd: boolean;
  dirtyLogMask: number;
  /** Has storage or callbacks of its own; a container and an alias have none. */
  readonly terminates: boolean;
  readonly alias: { readonly target: PlainRegion; offset: bigint } | undefined;
  parent: PlainRegion | undefined;
  /** Whoever comes first wins. */
  subregions: PlainRegion[];
}

/** A region with the attributes that a fresh one has, apart from those given. */
export function plainRegion(
  name: string,
  size: bigint,
  given: Partial<Omit<PlainRegion, 'name' | 'size' | 'parent' | 'subregions'>> = {},
): PlainRegion {
  return {
    name,
    size,
    address: 0n,
    priority: 0,
    enabled: true,
    readonly: false,
    nonvolatile: false,
    unmergeable: false,
    romd: true,
    dirtyLogMask: 0,
    terminates: given.alias === undefined,
    alias: undefined,
    parent: undefined,
    subregions: [],
    ...given,
  };
}

/**
 * Puts `child` under `parent`: before the first sibling whose priority isn't higher, so that of equals the one
 * that came last wins.
 */
export function addPlain(
  parent: PlainRegion,
  child: PlainRegion,
  address: bigint,
  priority: number,
): void {
  child.address = address;
  child.priority = priority;
  child.parent = parent;
  const behind = parent.subregions.findIndex((sibling) => sibling.priority <= priority);
  parent.subregions.splice(behind === -1 ? parent.subregions.length : behind, 0, child);
}

/** Takes `child` from its parent. */
export function removePlain(child: PlainRegion): void {
  const { parent } = child;
  if (parent === undefined) return;
  parent.subregions = parent.subregions.filter((sibling) => sibling !== child);
  child.parent = undefined;
}

/** Moves `child`: takes it out and adds it again, so that it comes before its equals. */
export function movePlain(child: PlainRegion, address: bigint): void {
  const { parent, priority } = child;
  removePlain(child);
  if (parent === undefined) child.address = address;
  else addPlain(parent, child, address, priority);
}
