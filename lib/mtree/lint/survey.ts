import { larger, lastAddress, smaller } from '../../address.js';
import type { Steps } from '../../long-work.js';
import type { AddressSpace } from '../../memory/address-space.js';
import { AliasRegion } from '../../memory/regions/alias-region.js';
import type { MemoryRegion } from '../../memory/regions/memory-region.js';
import type { FlatRange, FlatView } from '../../memory/views/flat-view.js';
import { partitionPoint } from '../../partition-point.js';
import { groupByFlatView } from '../describe-topology.js';
import type { Work } from './work.js';

/** A flat view and who has it. */
export interface SurveyedView {
  readonly view: FlatView;
  /** The first of the address spaces that have it. */
  readonly space: AddressSpace;
  readonly names: readonly string[];
  /** Ascending. */
  readonly ranges: readonly FlatRange[];
}

/** Where a region lies: the first of its places that lets anything of it through, if one does. */
export interface Place {
  readonly region: MemoryRegion;
  readonly in: SurveyedView;
  /** Where its first byte lies in the address space; can be negative for what an alias shows a part of. */
  readonly start: bigint;
  /** What the way to it lets through: `last` is below `first` where that is nothing. */
  readonly first: bigint;
  readonly last: bigint;
  /** The parent, or the alias that shows it; `undefined` for the root. */
  readonly through: Place | undefined;
}

/** What all rules look at, gathered in one pass. */
export interface Survey {
  /** That of the address space "memory" first. */
  readonly views: readonly SurveyedView[];
  /** Of each region that is reached without passing through a disabled one. */
  readonly places: ReadonlyMap<MemoryRegion, Place>;
  /** The regions that any view shows. */
  readonly shown: ReadonlySet<MemoryRegion>;
}

/**
 * Gathers the flat views of `spaces` and a place of each region. A region is looked at once, or once more if nothing
 * could be seen of it the first time: that takes time in proportion to the regions, however often aliases show them.
 */
export function* survey(spaces: readonly AddressSpace[], work: Work): Steps<Survey> {
  const views = yield* viewsOf(spaces, work);
  const places = new Map<MemoryRegion, Place>();
  for (const view of views) yield* placeRegions(view, places, work);
  const shown = new Set(views.flatMap(({ ranges }) => ranges.map(({ region }) => region)));
  return { views, places, shown };
}

function* viewsOf(spaces: readonly AddressSpace[], work: Work): Steps<SurveyedView[]> {
  const isFirst = ({ name }: AddressSpace) => Number(name === 'memory');
  const ordered = spaces.toSorted((a, b) => isFirst(b) - isFirst(a));
  const views: SurveyedView[] = [];
  for (const [view, group] of groupByFlatView(ordered)) {
    const [space] = group;
    if (space === undefined) continue;
    const ranges: FlatRange[] = [];
    for (const range of view.ranges()) {
      if (work.step()) yield work.progress;
      ranges.push(range);
    }
    views.push({ view, space, names: [...new Set(group.map(({ name }) => name))], ranges });
  }
  return views;
}

function* placeRegions(
  view: SurveyedView,
  places: Map<MemoryRegion, Place>,
  work: Work,
): Steps<void> {
  const waiting: Place[] = [];
  const enter = (region: MemoryRegion, start: bigint, through: Place | undefined): void => {
    if (!region.enabled) return;
    const first = larger(start, through?.first ?? 0n);
    const last = smaller(start + region.size - 1n, through?.last ?? lastAddress);
    const known = places.get(region);
    if (known !== undefined && (isSeen(known) || last < first)) return;
    const place = { region, in: view, start, first, last, through };
    places.set(region, place);
    waiting.push(place);
  };
  work.step();
  enter(view.space.root, view.space.root.address, undefined);
  // The list grows while it is walked.
  for (const place of waiting) {
    const { region, start } = place;
    if (region instanceof AliasRegion) {
      if (work.step()) yield work.progress;
      enter(region.target, start - region.offset, place);
    }
    for (const child of region.subregions) {
      if (work.step()) yield work.progress;
      enter(child, start + child.address, place);
    }
  }
}

/** Whether anything of a place is let through. */
export function isSeen({ first, last }: Place): boolean {
  return first <= last;
}

/** The ranges that touch the addresses from `first` to `last`, ascending. */
export function rangesWithin(
  { ranges }: SurveyedView,
  first: bigint,
  last: bigint,
): readonly FlatRange[] {
  const low = partitionPoint(ranges.length, (place) => (ranges[place] as FlatRange).last < first);
  let end = low;
  while (end < ranges.length && (ranges[end] as FlatRange).address <= last) end++;
  return ranges.slice(low, end);
}
