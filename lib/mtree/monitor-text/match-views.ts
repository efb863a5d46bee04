import type { AddressSpace } from '../../memory/address-space.js';
import { AliasRegion } from '../../memory/regions/alias-region.js';
import type { FlatView } from '../../memory/views/flat-view.js';
import type { Dump, ViewBlock } from './dump.js';
import { Spot } from './spot.js';
import type { TextRegion } from './text-region.js';
import type { TextTree } from './text-tree.js';
import { type BuiltRegions, differences } from './view-difference.js';
import type { WorkBudget } from './work-budget.js';

/** A text's tree, rendered as it is understood so far. */
export interface RenderedText {
  /** In the order of the text's address spaces. */
  readonly addressSpaces: readonly AddressSpace[];
  readonly built: BuiltRegions;
}

/** The printed view of an address space, and the address space's place among all that the text's views name. */
export interface PrintedView {
  readonly view: ViewBlock;
  readonly place: number;
}

/** How many differences are looked at: with more, a view is as wrong as any. */
const differenceLimit = 100;

/** How much worse it is that a region is not there at all than that another one answers. */
const absenceCost = 1000;

/**
 * Finds the printed view of each address space. Names of address spaces and of their roots may repeat; then each
 * gets the view that differs least from what was rendered, as often as the text has it, and the one that has the
 * most to lose chooses first.
 */
export function matchViews(
  spaces: TextTree['spaces'],
  { addressSpaces, built }: RenderedText,
  { views }: Dump,
  budget: WorkBudget,
): (PrintedView | undefined)[] {
  const printed = groupPrinted(views);
  const matched: (PrintedView | undefined)[] = spaces.map(() => undefined);
  for (const [key, group] of groupRendered(addressSpaces)) {
    const left = printed.get(key) ?? [];
    const distinct = [...new Set(left.map(({ view }) => view))];
    const choices = group.map((at) => {
      const [root, view] = [spaces[at]?.root, addressSpaces[at]?.flatView];
      const costs = new Map(
        root && view && distinct.length > 1
          ? distinct.map((one) => [one, cost(root, view, one, built, budget)] as const)
          : [],
      );
      return { at, costs };
    });
    for (const { at, costs } of choices.toSorted((a, b) => regret(b.costs) - regret(a.costs))) {
      const costOf = ({ view }: PrintedView) => costs.get(view) ?? 0;
      left.sort((a, b) => costOf(a) - costOf(b) || a.place - b.place);
      matched[at] = left.shift();
    }
  }
  return matched;
}

/** The printed views by what the line of an address space says of it. */
function groupPrinted(views: readonly ViewBlock[]): Map<string, PrintedView[]> {
  const groups = new Map<string, PrintedView[]>();
  let place = 0;
  for (const view of views) {
    for (const { name, root } of view.spaces) {
      listed(groups, `${name}\n${root}`).push({ view, place: place++ });
    }
  }
  return groups;
}

/** The numbers of the address spaces whose lines say the same. */
function groupRendered(spaces: readonly AddressSpace[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const [at, { name, root }] of spaces.entries()) {
    const alias = root instanceof AliasRegion ? `, alias ${root.target.name}` : '';
    listed(groups, `${name}\n${root.name}${alias}`).push(at);
  }
  return groups;
}

function listed<T>(lists: Map<string, T[]>, key: string): T[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** How much worse the second choice is than the first. */
function regret(costs: ReadonlyMap<ViewBlock, number>): number {
  const [first = 0, second = 0] = [...costs.values()].sort((a, b) => a - b);
  return second - first;
}

/** What it would take to turn a rendered view into a printed one. */
function cost(
  root: TextRegion,
  rendered: FlatView,
  printed: ViewBlock,
  built: BuiltRegions,
  budget: WorkBudget,
): number {
  budget.spend(rendered.rangeCount + printed.ranges.length);
  let sum = 0;
  let left = differenceLimit;
  for (const { first, expected } of differences(rendered, printed, built)) {
    if (left-- === 0 || budget.isSpent) break;
    const isThere = expected && new Spot(root, first, expected, budget).match;
    sum += expected && !isThere ? absenceCost : 1;
  }
  return sum;
}
