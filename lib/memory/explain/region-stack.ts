import { lastAddress, wholeRange } from '../../address.js';

/** What a walk needs to know of a region: a live one, or one that was read from a dump. */
export interface StackableRegion<R> {
  /** Offset within the parent; of a root its address. */
  readonly address: bigint;
  readonly size: bigint;
  readonly enabled: boolean;
  /** In stacking order. */
  readonly subregions: readonly R[];
  /** What an alias shows, from {@link offset} on. */
  readonly target?: R | undefined;
  readonly offset?: bigint;
}

/** A region on the way from the root down to what may answer at an address. */
export interface StackStep<R> {
  readonly region: R;
  /** The step before: the parent, or the alias that shows the region. */
  readonly previous: StackStep<R> | undefined;
  /** Where the region's first byte lies in the address space; can be negative for what an alias shows a part of. */
  readonly start: bigint;
  /** First address of the region that all steps so far let through. */
  readonly first: bigint;
  /** Last address of the region that all steps so far let through; below `first` where they let nothing through. */
  readonly last: bigint;
}

/** Why a region at an address doesn't even compete: a step of its way is disabled, or cuts it off. */
export interface Obstacle<R> {
  readonly code: 'disabled' | 'clipped';
  readonly by: StackStep<R>;
}

/** A region that lies at an address, whether it answers there or not. */
export interface StackEntry<R> {
  readonly step: StackStep<R>;
  readonly obstacle: Obstacle<R> | undefined;
}

/** How far a walk goes. */
export interface WalkOptions {
  /** Whether to go on behind a disabled region, or outside a region that cuts its subregions off. Default: true. */
  readonly obstacles?: boolean;
  /** How many regions are looked at. Default: 1,000,000. */
  readonly limit?: number;
}

/** What is known at the end of a walk. */
export interface WalkEnd {
  /** Whether everything was seen; false where a limit ended the walk. */
  readonly complete: boolean;
  /** The next address where anything that was seen starts or ends: up to there the answer is the same. */
  readonly until: bigint;
  /** How many regions were looked at. */
  readonly visited: number;
}

/** Aliases within aliases, on one way, that a walk follows. */
const aliasDepthLimit = 1000;

/**
 * Everything that lies at `address` under `root`, in stacking order: what comes first wins, if it answers at all and
 * there is no obstacle. Containers and aliases are among it, each behind what it shows.
 *
 * A region behind an obstacle is there only if its own place and size cover the address, with no second obstacle on
 * the way, and for each place and kind of obstacle once. The graph may be cyclic: a way that leads back to where it was is not followed.
 */
export function* walkStack<R extends StackableRegion<R>>(
  root: R,
  address: bigint,
  options: WalkOptions = {},
): Generator<StackEntry<R>, WalkEnd> {
  return yield* new StackWalk<R>(address, options).walk(root);
}

/** The way to `step`, from the root on. */
export function pathTo<R>(step: StackStep<R>): StackStep<R>[] {
  const path: StackStep<R>[] = [];
  for (let at: StackStep<R> | undefined = step; at; at = at.previous) path.push(at);
  return path.reverse();
}

/** Where two ways part. */
export interface Fork<R> {
  /** The last step that they have in common. */
  readonly level: StackStep<R>;
  /** The first way's next step; undefined where the first way ends. */
  readonly one: StackStep<R> | undefined;
  /** The other way's next step; undefined where the other way ends. */
  readonly other: StackStep<R> | undefined;
}

/** Where two different ways from one root part: there, two subregions or a region and one of its own compete. */
export function forkOf<R>(one: StackStep<R>, other: StackStep<R>): Fork<R> {
  const [path, otherPath] = [pathTo(one), pathTo(other)];
  let at = 0;
  while (path[at] && path[at]?.region === otherPath[at]?.region) at++;
  return { level: path[at - 1] ?? one, one: path[at], other: otherPath[at] };
}

/** Something that is still to be done: look at what is below a step, or hand the step out behind that. */
interface Task<R> {
  readonly entry: StackEntry<R>;
  readonly below: boolean;
  /** How many aliases are on the way. */
  readonly aliases: number;
}

class StackWalk<R extends StackableRegion<R>> {
  readonly #address: bigint;
  readonly #behindObstacles: boolean;
  readonly #tasks: Task<R>[] = [];
  /** Places behind an obstacle that were looked at already. */
  readonly #seen = { disabled: new Map<R, Set<bigint>>(), clipped: new Map<R, Set<bigint>>() };
  readonly #limit: number;
  #visited = 0;
  #complete = true;
  #until = wholeRange;

  constructor(address: bigint, { obstacles = true, limit = 1_000_000 }: WalkOptions) {
    this.#address = address;
    this.#behindObstacles = obstacles;
    this.#limit = limit;
  }

  *walk(root: R): Generator<StackEntry<R>, WalkEnd> {
    this.#enter(root, root.address, { first: 0n, last: lastAddress }, undefined, undefined, 0);
    for (let task = this.#tasks.pop(); task && this.#isAllowed; task = this.#tasks.pop()) {
      if (task.below) this.#descend(task);
      else yield task.entry;
    }
    const complete = this.#complete && this.#isAllowed;
    return { complete, until: this.#until, visited: this.#visited };
  }

  get #isAllowed(): boolean {
    return this.#visited <= this.#limit;
  }

  /** Puts a region on the list of tasks, unless it can't have anything to do with the address. */
  #enter(
    region: R,
    start: bigint,
    window: { readonly first: bigint; readonly last: bigint },
    previous: StackStep<R> | undefined,
    obstacle: Obstacle<R> | undefined,
    aliases: number,
  ): void {
    this.#visited++;
    const end = start + region.size;
    const covers = start <= this.#address && this.#address < end;
    const edge = covers ? end : start;
    if (edge > this.#address && edge < this.#until && region.enabled) this.#until = edge;
    const free = covers && region.enabled;
    if (!free && (obstacle || !this.#behindObstacles)) return;
    if (!covers && !showsThrough(region)) return;
    const first = start > window.first ? start : window.first;
    const last = end - 1n < window.last ? end - 1n : window.last;
    const step = { region, previous, start, first, last };
    const code = covers ? 'disabled' : 'clipped';
    const entry = { step, obstacle: free ? obstacle : ({ code, by: step } as const) };
    this.#tasks.push({ entry, below: true, aliases });
  }

  #descend({ entry, aliases }: Task<R>): void {
    const { step, obstacle } = entry;
    const { region, start } = step;
    if (obstacle && !isNew(this.#seen[obstacle.code], region, start)) return;
    const isCut = obstacle?.code === 'clipped' && obstacle.by === step;
    if (!isCut) this.#tasks.push({ entry, below: false, aliases });
    if (region.target) this.#enterTarget(region.target, entry, aliases + 1);
    for (let at = region.subregions.length - 1; at >= 0; at--) {
      const child = region.subregions[at];
      if (child) this.#enter(child, start + child.address, step, step, obstacle, aliases);
    }
  }

  #enterTarget(target: R, { step, obstacle }: StackEntry<R>, aliases: number): void {
    const start = step.start - (step.region.offset ?? 0n);
    const endless = aliases > aliasDepthLimit || isOnTheWay(target, start, step);
    if (endless) this.#complete = false;
    else this.#enter(target, start, step, step, obstacle, aliases);
  }
}

/** Notes that a region was seen at a place. @returns Whether it was the first time. */
function isNew<R>(seen: Map<R, Set<bigint>>, region: R, start: bigint): boolean {
  const starts = seen.get(region) ?? new Set();
  seen.set(region, starts);
  const { size } = starts;
  return starts.add(start).size > size;
}

/** Whether something below a region may lie outside it: what is cut off there is worth telling. */
function showsThrough<R extends StackableRegion<R>>({ subregions, target }: R): boolean {
  return subregions.length > 0 || (target !== undefined && target.subregions.length > 0);
}

function isOnTheWay<R>(region: R, start: bigint, step: StackStep<R>): boolean {
  for (let at: StackStep<R> | undefined = step; at; at = at.previous) {
    if (at.region === region && at.start === start) return true;
  }
  return false;
}
