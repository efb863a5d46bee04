import { type StackEntry, walkStack } from '../../memory/explain/region-stack.js';
import type { ViewLine } from './dump.js';
import { isSameOwner, type TextRegion } from './text-region.js';
import type { WorkBudget } from './work-budget.js';

/** A region at an address, and the way on which it is seen there. */
export type Entry = StackEntry<TextRegion>;

/** An address where the text's flat view is compared with the tree. */
export class Spot {
  readonly address: bigint;
  /** The line that shows who answers; undefined where the text shows a hole. */
  readonly expected: ViewLine | undefined;
  readonly #root: TextRegion;
  readonly #budget: WorkBudget;
  #entries: readonly Entry[] = [];
  #until = 0n;

  constructor(
    root: TextRegion,
    address: bigint,
    expected: ViewLine | undefined,
    budget: WorkBudget,
  ) {
    this.#root = root;
    this.address = address;
    this.expected = expected;
    this.#budget = budget;
    this.look();
  }

  /** Walks the tree as it is now. */
  look(): void {
    const walk = walkStack(this.#root, this.address, { obstacles: false });
    const entries: Entry[] = [];
    let next = walk.next();
    for (; !next.done; next = walk.next()) entries.push(next.value);
    this.#entries = entries;
    this.#until = next.value.until;
    this.#budget.spend(next.value.visited);
  }

  /** What lies here, aliases and containers included, in stacking order. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Up to this address everything is the same. */
  get until(): bigint {
    return this.#until;
  }

  /** The region that the text shows: one that answers, or else one that would if it were no container. */
  get match(): Entry | undefined {
    const suited = this.#entries.filter((entry) => this.#suits(entry));
    return suited.find(({ step }) => step.region.terminates) ?? suited[0];
  }

  /** Those that answer before `entry` does; without an entry, all that answer. */
  above(entry: Entry | undefined): Entry[] {
    const end = entry ? this.#entries.indexOf(entry) : this.#entries.length;
    return this.#entries.slice(0, end).filter(({ step }) => step.region.terminates);
  }

  /** Whether the region that the text shows is the one that answers. */
  get isRight(): boolean {
    const { match } = this;
    if (!this.expected) return this.above(undefined).length === 0;
    return match?.step.region.terminates === true && this.above(match).length === 0;
  }

  #suits({ step: { region, start } }: Entry): boolean {
    const { expected } = this;
    return (
      expected !== undefined &&
      region.kind !== 'alias' &&
      region.name === expected.name &&
      region.priority === expected.priority &&
      expected.start - expected.offset === start &&
      (expected.type === 'rom' || expected.type === region.type) &&
      isSameOwner(expected.owner, region.owner)
    );
  }
}
