import type { Steps } from '../../long-work.js';
import type { FlatRange } from '../../memory/views/flat-view.js';
import { buildSteps } from '../build-topology.js';
import { hex16, monitorOwner } from '../monitor-format.js';
import { regionType } from '../region-type.js';
import type { Dump, ViewBlock } from './dump.js';
import { matchViews, type PrintedView, type RenderedText } from './match-views.js';
import type { Notes } from './notes.js';
import { Repair, type SpaceDifference } from './repair.js';
import type { TextRegion } from './text-region.js';
import type { TextTree } from './text-tree.js';
import { toDocument } from './to-document.js';
import { type Difference, differences } from './view-difference.js';
import { WorkBudget } from './work-budget.js';

/** How many regions and ranges are looked at to find out what the tree leaves open. */
const workLimit = 10_000_000;

/** What it costs at least to render the tree once more. */
const renderingCost = workLimit / 200;

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
export function* reconcile(
  regions: readonly TextRegion[],
  tree: TextTree,
  dump: Dump,
  notes: Notes,
): Steps<Reconciled> {
  const { spaces } = tree;
  if (dump.views.length === 0) return { spaces, agrees: false };
  const budget = new WorkBudget(workLimit);
  const repair = new Repair(tree, dump, budget);
  const printed = yield* withRendered(regions, spaces, (rendered) =>
    matchViews(spaces, rendered, dump, budget),
  );
  shareTargets(regions, spaces, printed, budget);
  let left: readonly SpaceDifference[];
  do {
    budget.spend(Math.max(regions.length, renderingCost));
    left = yield* withRendered(regions, spaces, (rendered) =>
      allDifferences(rendered, printed, spaces),
    );
  } while (left.length > 0 && !budget.isSpent && repair.apply(left));
  for (const { difference } of left) noteDifference(difference, dump, notes);
  const strange = strangeSpaces(dump, printed);
  for (const space of strange) noteStrange(space, notes);
  if (budget.isSpent) notes.add('gave-up', 1, 'there is too much here that the tree leaves open');
  if (left.length === 0) {
    for (const [at, { root }] of spaces.entries()) {
      repair.keepApart(root, printed[at]?.view.ranges ?? []);
    }
  }
  const agrees = left.length === 0 && strange.length === 0;
  return { spaces: inPrintedOrder(spaces, printed), agrees };
}

/** Renders the tree as it is understood so far. */
function* withRendered<T>(
  regions: readonly TextRegion[],
  spaces: TextTree['spaces'],
  use: (rendered: RenderedText) => T,
): Steps<T> {
  const document = toDocument(regions, spaces);
  const { topology, regions: ids, addressSpaces } = yield* buildSteps(document);
  try {
    const built = new Map([...ids].map(([id, region]) => [region, regions[id] as TextRegion]));
    return use({ addressSpaces, built });
  } finally {
    topology.close();
  }
}

/**
 * Address spaces of one view show the same region. Where one shows it through an alias that may mean several, it is
 * the one that is the root of another.
 */
function shareTargets(
  regions: readonly TextRegion[],
  spaces: TextTree['spaces'],
  printed: readonly (PrintedView | undefined)[],
  budget: WorkBudget,
): void {
  const rootsOf = new Map<ViewBlock, Set<TextRegion>>();
  for (const [at, { root }] of spaces.entries()) {
    const view = printed[at]?.view;
    if (view) rootsOf.set(view, (rootsOf.get(view) ?? new Set()).add(root));
  }
  for (const roots of rootsOf.values()) {
    for (const alias of [...roots].map(onlyAlias)) {
      if (!alias?.target || roots.has(alias.target) || budget.isSpent) continue;
      budget.spend(regions.length);
      shareTarget(alias, roots, regions);
    }
  }
}

/** The alias that is all that an address space shows. */
function onlyAlias({ subregions }: TextRegion): TextRegion | undefined {
  const [child, ...others] = subregions.filter(({ enabled }) => enabled);
  return others.length === 0 ? child : undefined;
}

function shareTarget(
  alias: TextRegion,
  roots: ReadonlySet<TextRegion>,
  regions: readonly TextRegion[],
): void {
  const { target } = alias;
  const candidate = alias.candidates.find((one) => roots.has(one));
  const twin = [...roots].find((one) => looksLike(one, target));
  if (candidate) alias.retarget(candidate);
  else if (twin && target) exchangeTargets(regions, twin, target);
}

/** Which of several regions that look the same has a block of its own was a guess: the other one has it. */
function exchangeTargets(regions: readonly TextRegion[], one: TextRegion, other: TextRegion): void {
  for (const region of regions) {
    if (region.target === one) region.retarget(other);
    else if (region.target === other) region.retarget(one);
  }
}

function looksLike(one: TextRegion, other: TextRegion | undefined): boolean {
  return one.line.text === other?.line.text && one.size === other.size;
}

/** Address spaces that share a rendered and a printed view have the same differences: one of them is enough. */
function allDifferences(
  { addressSpaces, built }: RenderedText,
  printed: readonly (PrintedView | undefined)[],
  spaces: TextTree['spaces'],
): SpaceDifference[] {
  const compared = new Map<object, Set<object>>();
  return addressSpaces.flatMap(({ flatView }, at) => {
    const view = printed[at]?.view;
    const root = spaces[at]?.root;
    const views = compared.get(flatView) ?? new Set();
    if (!view || !root || views.has(view)) return [];
    compared.set(flatView, views.add(view));
    return Array.from(differences(flatView, view, built), (difference) => ({ root, difference }));
  });
}

function inPrintedOrder(
  spaces: TextTree['spaces'],
  printed: readonly (PrintedView | undefined)[],
): TextTree['spaces'] {
  const places = new Map(spaces.map((space, at) => [space, printed[at]?.place ?? spaces.length]));
  return spaces.toSorted((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
}

type ViewSpace = ViewBlock['spaces'][number];

/** What flat views name and the tree does not have: nothing was compared with them. */
function strangeSpaces(
  { views }: Dump,
  printed: readonly (PrintedView | undefined)[],
): readonly ViewSpace[] {
  const matched = new Set(printed.map((view) => view?.place));
  return views.flatMap(({ spaces }) => spaces).filter((_, place) => !matched.has(place));
}

function noteStrange({ name, root, line }: ViewSpace, notes: Notes): void {
  const message = `the tree has no address space "${name}" with the root "${root}", whose flat view this is`;
  notes.add('view-mismatch', line, message);
}

function noteDifference(difference: Difference, { views }: Dump, notes: Notes): void {
  const { first, last, expected, rendered } = difference;
  const owners = expected?.owner !== undefined;
  const shown = expected ? labelOf(expected.name, expected.type, expected.owner) : 'nothing';
  const got = rendered ? renderedLabel(rendered, owners) : 'nothing';
  const message = `the tree does not render to this flat view: at ${hex16(first)}-${hex16(last)} it gives ${got} instead of ${shown}`;
  notes.add('view-mismatch', expected?.line ?? views[0]?.line ?? 1, message);
}

function renderedLabel({ region, readonly }: FlatRange, owners: boolean): string {
  const type = readonly ? 'rom' : regionType(region);
  return labelOf(region.name, type, owners ? monitorOwner(region.owner) : undefined);
}

function labelOf(name: string, type: string, owner: string | undefined): string {
  return `"${name}" (${owner === undefined ? type : `${type}, ${owner}`})`;
}
