import { larger, lastAddress, smaller } from '../../address.js';
import type { Steps } from '../../long-work.js';
import { AliasRegion } from '../../memory/regions/alias-region.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { Extent, Placement } from './page-map.js';
import type { RegionList } from './region-list.js';

/** The tree of an address space as it lies in it. */
export interface PlacedRegions {
  readonly placements: readonly Placement[];
  /** False where a limit ended the walk, or aliases lead back to where they came from. */
  readonly complete: boolean;
}

/** Regions on one way that a walk follows. */
const depthLimit = 1000;

/** So many tasks are done in a step. */
const tasksAStep = 1024;

/** A region to go into. */
interface Visit {
  readonly region: MemoryRegion;
  readonly start: bigint;
  /** Place in the list of the placement that it is seen through; -1 for the root. */
  readonly through: number;
}

/** What is to be done: go into a region, or give one its rank, as all that lies in front of it has its own. */
type Task = Visit | { readonly ranked: number };

/**
 * Walks the tree below `root` in stacking order, through containers and aliases, and notes what can be seen of each
 * region at each of its places. Disabled regions are among it, with what is below them.
 *
 * @param limit How many regions are placed at most.
 */
export function placeRegions(
  root: MemoryRegion,
  list: RegionList,
  limit: number,
): Steps<PlacedRegions> {
  return new PlacementWalk(list, limit).walk(root);
}

class PlacementWalk {
  readonly #list: RegionList;
  readonly #limit: number;
  readonly #placements: Placement[] = [];
  /** Of each placement: its region, and how many steps it is away from the root. */
  readonly #regions: MemoryRegion[] = [];
  readonly #depths: number[] = [];
  /** Last in, first out. */
  readonly #tasks: Task[] = [];
  #rank = 0;
  #complete = true;

  constructor(list: RegionList, limit: number) {
    this.#list = list;
    this.#limit = limit;
  }

  *walk(root: MemoryRegion): Steps<PlacedRegions> {
    this.#tasks.push({ region: root, start: root.address, through: -1 });
    let done = 0;
    for (let task = this.#tasks.pop(); task !== undefined; task = this.#tasks.pop()) {
      if (++done % tasksAStep === 0) {
        yield { what: 'regions placed', done: this.#placements.length, total: undefined };
      }
      if ('ranked' in task) this.#giveRank(task.ranked);
      else this.#visit(task);
    }
    return { placements: this.#placements, complete: this.#complete };
  }

  #giveRank(at: number): void {
    const placement = this.#placements[at];
    if (placement) this.#placements[at] = { ...placement, rank: this.#rank++ };
  }

  #visit(visit: Visit): void {
    const { region, start, through } = visit;
    const window = windowOf(region, start, this.#placements[through]);
    if (window === undefined) return;
    const depth = (this.#depths[through] ?? 0) + 1;
    if (this.#placements.length >= this.#limit || depth > depthLimit || this.#isOnTheWay(visit)) {
      this.#complete = false;
      return;
    }
    const disabled = !region.enabled || this.#placements[through]?.disabled === true;
    const place = { region: this.#list.numberOf(region), through, start, rank: -1, disabled };
    const at = this.#placements.push({ ...window, ...place }) - 1;
    this.#regions.push(region);
    this.#depths.push(depth);
    this.#goBelow(region, start, at);
  }

  /** What is on top is put on the list last. */
  #goBelow(region: MemoryRegion, start: bigint, through: number): void {
    if (region.terminates) this.#tasks.push({ ranked: through });
    if (region instanceof AliasRegion) {
      const { target, offset } = region;
      this.#tasks.push({ region: target, start: start - offset, through });
    }
    const { subregions } = region;
    for (let i = subregions.length - 1; i >= 0; i--) {
      const child = subregions[i];
      if (child) this.#tasks.push({ region: child, start: start + child.address, through });
    }
  }

  #isOnTheWay({ region, start, through }: Visit): boolean {
    for (let at = through; at >= 0; at = this.#placements[at]?.through ?? -1) {
      if (this.#regions[at] === region && this.#placements[at]?.start === start) return true;
    }
    return false;
  }
}

/** What can be seen of a region; `undefined` if nothing can. */
function windowOf(region: MemoryRegion, start: bigint, within?: Extent): Extent | undefined {
  const first = larger(start, within?.first ?? 0n);
  const last = smaller(start + region.size - 1n, within?.last ?? lastAddress);
  return first <= last ? { first, last } : undefined;
}
