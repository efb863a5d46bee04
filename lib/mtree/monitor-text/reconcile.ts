import type { AddressSpace } from '../../memory/address-space.js';
import { buildTopology } from '../build-topology.js';
import { hex16 } from '../monitor-format.js';
import type { Dump, ViewBlock, ViewLine } from './dump.js';
import { matchViews, type PrintedView } from './match-views.js';
import type { Notes } from './notes.js';
import { Repair } from './repair.js';
import { Spot } from './spot.js';
import type { TextRegion } from './text-region.js';
import type { TextTree } from './text-tree.js';
import { toDocument } from './to-document.js';
import { type Difference, differences } from './view-difference.js';

/** How often the tree is rendered and corrected at most. */
const roundLimit = 100;

/** What came out of {@link reconcile}. */
export interface Reconciled {
  /** The address spaces in the order in which the flat views name them. */
  readonly spaces: TextTree['spaces'];
  /** Whether the tree renders to all flat views that the text has. */
  readonly agrees: boolean;
}

/**
 * Corrects the guesses about a tree until it renders to the flat views that the text shows: where it doesn't, the
 * least change is made that lets the right region answer. What remains different is noted.
 */
export function reconcile(
  regions: readonly TextRegion[],
  tree: TextTree,
  dump: Dump,
  notes: Notes,
): Reconciled {
  const { spaces } = tree;
  const repair = new Repair(tree, dump);
  let printed: (PrintedView | undefined)[] = [];
  let left: SpaceDifference[] = [];
  if (dump.views.length === 0) return { spaces, agrees: false };
  for (let round = 0; round < roundLimit; round++) {
    const built = buildTopology(toDocument(regions, spaces));
    try {
      if (round === 0) {
        printed = matchViews(spaces, built.addressSpaces, dump);
        shareTargets(regions, spaces, printed);
      }
      left = allDifferences(built.addressSpaces, printed, spaces);
    } finally {
      built.topology.close();
    }
    if (left.length === 0 || !repair.apply(left)) break;
  }
  for (const { difference } of left) noteDifference(difference, dump, notes);
  if (repair.gaveUp) notes.add('gave-up', 1, 'there is too much here that the tree leaves open');
  if (left.length === 0) keepApart(spaces, printed);
  return { spaces: inPrintedOrder(spaces, printed), agrees: left.length === 0 };
}

/**
 * Address spaces of one view show the same region. Where one shows it through an alias that may mean several, it is
 * the one that is the root of another.
 */
function shareTargets(
  regions: readonly TextRegion[],
  spaces: TextTree['spaces'],
  printed: readonly (PrintedView | undefined)[],
): void {
  const rootsOf = new Map<ViewBlock | undefined, Set<TextRegion>>();
  for (const [at, { root }] of spaces.entries()) {
    const view = printed[at]?.view;
    rootsOf.set(view, (rootsOf.get(view) ?? new Set()).add(root));
  }
  for (const [at, { root }] of spaces.entries()) {
    const roots = rootsOf.get(printed[at]?.view);
    const [child, ...others] = root.subregions.filter(({ enabled }) => enabled);
    const alias = others.length === 0 ? child : undefined;
    if (!alias?.target || !roots || roots.has(alias.target)) continue;
    const candidate = alias.candidates.find((one) => roots.has(one));
    const twin = [...roots].find((root) => looksLike(root, alias.target));
    if (candidate) alias.target = candidate;
    else if (twin) exchangeTargets(regions, twin, alias.target);
  }
}

/** Which of several regions that look the same has a block of its own was a guess: the other one has it. */
function exchangeTargets(regions: readonly TextRegion[], one: TextRegion, other: TextRegion): void {
  for (const region of regions) {
    if (region.target === one) region.target = other;
    else if (region.target === other) region.target = one;
  }
}

function looksLike(one: TextRegion, other: TextRegion | undefined): boolean {
  return one.line.text === other?.line.text && one.size === other.size;
}

/** A difference, and the root under which it is. */
export interface SpaceDifference {
  readonly root: TextRegion;
  readonly difference: Difference;
}

/** Address spaces that share a rendered and a printed view have the same differences: one of them is enough. */
function allDifferences(
  rendered: readonly AddressSpace[],
  printed: readonly (PrintedView | undefined)[],
  spaces: TextTree['spaces'],
): SpaceDifference[] {
  const compared = new Map<object, Set<object>>();
  return rendered.flatMap(({ flatView }, at) => {
    const view = printed[at]?.view;
    const root = spaces[at]?.root;
    const views = compared.get(flatView) ?? new Set();
    if (!view || !root || views.has(view)) return [];
    compared.set(flatView, views.add(view));
    return Array.from(differences(flatView, view), (difference) => ({ root, difference }));
  });
}

/** Ranges that could be one and are printed apart belong to an unmergeable region, which the newest QEMU has. */
function keepApart(
  spaces: TextTree['spaces'],
  printed: readonly (PrintedView | undefined)[],
): void {
  for (const [at, { root }] of spaces.entries()) {
    const ranges = printed[at]?.view.ranges ?? [];
    for (const [next, range] of ranges.entries()) {
      const before = ranges[next - 1];
      if (!before || !continues(before, range)) continue;
      const match = new Spot(root, range.start, range).match;
      if (match) match.step.region.unmergeable = true;
    }
  }
}

function continues(before: ViewLine, range: ViewLine): boolean {
  return (
    before.end + 1n === range.start &&
    before.offset - before.start === range.offset - range.start &&
    before.name === range.name &&
    before.priority === range.priority &&
    before.type === range.type &&
    before.nonvolatile === range.nonvolatile
  );
}

function inPrintedOrder(
  spaces: TextTree['spaces'],
  printed: readonly (PrintedView | undefined)[],
): TextTree['spaces'] {
  const places = new Map(spaces.map((space, at) => [space, printed[at]?.place ?? spaces.length]));
  return spaces.toSorted((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
}

function noteDifference(difference: Difference, { views }: Dump, notes: Notes): void {
  const { first, last, expected, rendered } = difference;
  const shown = expected ? `"${expected.name}" (${expected.type})` : 'nothing';
  const got = rendered ? `"${rendered.region.name}"` : 'nothing';
  const message = `the tree does not render to this flat view: at ${hex16(first)}-${hex16(last)} it gives ${got} instead of ${shown}`;
  notes.add('view-mismatch', expected?.line ?? views[0]?.line ?? 1, message);
}
