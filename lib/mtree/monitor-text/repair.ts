import { forkOf, pathTo } from '../../memory/explain/region-stack.js';
import type { Dump, ViewLine } from './dump.js';
import { type Entry, Spot } from './spot.js';
import { SiblingOrder } from './stacking.js';
import type { TextRegion } from './text-region.js';
import type { TextTree } from './text-tree.js';
import type { Difference } from './view-difference.js';
import type { WorkBudget } from './work-budget.js';

/** A difference, and the root under which it is. */
export interface SpaceDifference {
  readonly root: TextRegion;
  readonly difference: Difference;
}

/**
 * Settles open questions about a tree, one at a time and each for good, by looking at addresses where the text shows
 * another region than the tree does.
 */
export class Repair {
  readonly #showsDisabled: boolean;
  readonly #tellsContainers: boolean;
  readonly #order = new SiblingOrder();
  /** Priorities and names of what answers anywhere in the text's views. */
  readonly #shown: ReadonlySet<string>;
  /** Regions that were found to answer, and those that were found not to. */
  readonly #answers = new Set<TextRegion>();
  readonly #silent = new Set<TextRegion>();
  /** What was made read-only, and what was found to be writable. */
  readonly #readonly = new Set<TextRegion>();
  readonly #writable = new Set<TextRegion>();
  /** Aliases whose target was changed. */
  readonly #retargeted = new Set<TextRegion>();
  readonly #budget: WorkBudget;

  constructor({ tellsContainers }: TextTree, { views, showsDisabled }: Dump, budget: WorkBudget) {
    this.#budget = budget;
    this.#showsDisabled = showsDisabled;
    this.#tellsContainers = tellsContainers;
    this.#shown = new Set(views.flatMap(({ ranges }) => ranges.map(labelOf)));
  }

  /** Goes through the differences. @returns Whether anything was changed. */
  apply(differences: readonly SpaceDifference[]): boolean {
    let changed = false;
    for (const { root, difference } of differences) {
      const { first, last, expected } = difference;
      for (let address = first; address <= last && !this.#budget.isSpent; ) {
        const spot = new Spot(root, address, expected, this.#budget);
        if (this.#settle(spot)) changed = true;
        address = spot.until;
      }
    }
    return changed;
  }

  /** Ranges that could be one and are printed apart belong to an unmergeable region, which the newest QEMU has. */
  keepApart(root: TextRegion, ranges: readonly ViewLine[]): void {
    for (const [next, range] of ranges.entries()) {
      const before = ranges[next - 1];
      if (this.#budget.isSpent) return;
      if (!before || !continues(before, range)) continue;
      const { match } = new Spot(root, range.start, range, this.#budget);
      if (match) match.step.region.unmergeable = true;
    }
  }

  /** Lets the right region answer at one spot. @returns Whether anything was changed. */
  #settle(spot: Spot): boolean {
    const { match, expected } = spot;
    if (expected && !match) return this.#retarget(spot);
    let changed = match !== undefined && this.#letAnswer(match.step.region);
    for (const blocker of spot.above(match)) {
      if (this.#giveWay(blocker, match) || this.#retarget(spot)) changed = true;
    }
    if (changed || !match) return changed;
    return expected?.type === 'rom' ? this.#makeReadonly(match) : this.#makeWritable(match);
  }

  #letAnswer(region: TextRegion): boolean {
    this.#answers.add(region);
    if (region.terminates || this.#silent.has(region) || !this.#isOpen(region)) return false;
    region.kind = 'io';
    return true;
  }

  /** Keeps `blocker` from answering where `match` or nobody is to. */
  #giveWay(blocker: Entry, match: Entry | undefined): boolean {
    const fork = match && forkOf(match.step, blocker.step);
    const [upper, lower] = [fork?.one?.region, fork?.other?.region];
    const { region } = blocker.step;
    const mayBeCovered =
      upper && lower && covers(upper, lower) && upper.priority === lower.priority;
    if (!this.#shown.has(labelOf(region)) && !mayBeCovered && this.#silence(region)) return true;
    if (upper && lower && this.#order.place(upper, lower)) return true;
    return this.#silence(region) || this.#empty(blocker, lower) || this.#hide(region);
  }

  /** Takes the region for a container, if that is open. */
  #silence(region: TextRegion): boolean {
    if (this.#answers.has(region) || !this.#isOpen(region)) return false;
    this.#silent.add(region);
    region.kind = 'container';
    return true;
  }

  /** Size 0 prints like size 1. */
  #empty({ step }: Entry, lower: TextRegion | undefined): boolean {
    const path = pathTo(step).map(({ region }) => region);
    const own = path.slice(lower ? path.indexOf(lower) : 0);
    const region = own.find((one) => one.size === 1n && !this.#answers.has(one));
    if (!region) return false;
    region.size = 0n;
    return true;
  }

  /** Without -D, the parent of what was printed may be a disabled region that was not. */
  #hide(region: TextRegion): boolean {
    if (this.#showsDisabled || !region.parent || this.#answers.has(region)) return false;
    region.enabled = false;
    return true;
  }

  /** Tries the other regions that an alias at the spot may mean. */
  #retarget(spot: Spot): boolean {
    const aliases = spot.entries
      .map(({ step }) => step.region)
      .filter((region) => region.candidates.length > 1 && !this.#retargeted.has(region));
    const hadMatch = spot.match !== undefined;
    for (const isBetter of [() => spot.isRight, () => !hadMatch && spot.match !== undefined]) {
      const alias = aliases.find((one) => tryTargets(one, spot, isBetter));
      if (alias) this.#retargeted.add(alias);
      if (alias) return true;
    }
    return false;
  }

  /** Something on the way is read-only: most likely the alias that is closest to the memory. */
  #makeReadonly({ step }: Entry): boolean {
    const path = pathTo(step).map(({ region }) => region);
    if (path.some((region) => region.readonly)) return false;
    const open = path.reverse().filter((region) => !this.#writable.has(region));
    const tellsItself = (region: TextRegion) => region.type === 'ram' && region.kind !== 'alias';
    const region =
      open.find(({ kind }) => kind === 'alias') ?? open.find((one) => !tellsItself(one));
    if (!region) return false;
    region.readonly = true;
    this.#readonly.add(region);
    return true;
  }

  #makeWritable({ step }: Entry): boolean {
    const guessed = pathTo(step).filter(({ region }) => this.#readonly.delete(region));
    for (const { region } of guessed) {
      region.readonly = false;
      this.#writable.add(region);
    }
    return guessed.length > 0;
  }

  /** Whether the text leaves open if the region answers: QEMU 7.2 prints `i/o` for both. */
  #isOpen({ type, kind }: TextRegion): boolean {
    return type === 'i/o' && kind !== 'alias' && !this.#tellsContainers;
  }
}

/** Lets `alias` show each of its candidates, until one makes it better; otherwise nothing is changed. */
function tryTargets(alias: TextRegion, spot: Spot, isBetter: () => boolean): boolean {
  const { target } = alias;
  for (const candidate of alias.candidates) {
    if (!alias.retarget(candidate)) continue;
    spot.look();
    if (candidate !== target && isBetter()) return true;
  }
  alias.target = target;
  spot.look();
  return false;
}

/** Whether two ranges could be one. */
function continues(before: ViewLine, range: ViewLine): boolean {
  return (
    before.end + 1n === range.start &&
    before.offset - before.start === range.offset - range.start &&
    before.name === range.name &&
    before.priority === range.priority &&
    before.type === range.type &&
    before.nonvolatile === range.nonvolatile &&
    before.owner === range.owner
  );
}

/** Whether nothing of `lower`, a sibling, can be seen under `upper`. */
function covers(upper: TextRegion, lower: TextRegion): boolean {
  const reach = upper.address + upper.size;
  return upper.address <= lower.address && lower.address + lower.size <= reach;
}

function labelOf({ name, priority }: { readonly name: string; readonly priority: number }): string {
  return `${priority} ${name}`;
}
