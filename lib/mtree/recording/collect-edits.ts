import { AddressSpace } from '../../memory/address-space.js';
import type { CommitEdit } from '../../memory/commit-observer.js';
import { MemoryRegion } from '../../memory/memory-region.js';
import { dirtyLogShift, type RegionState, regionFlag } from '../../memory/region-state.js';
import { describeRegion } from '../describe-topology.js';
import type { RegionRecord } from '../topology-document.js';
import type { KnownRegions } from './known-regions.js';
import type { KnownSpaces } from './known-spaces.js';
import type { AttributeChange, PlacedRegion, RecordedEdits } from './recorded-step.js';

interface EditedRegion {
  readonly region: MemoryRegion;
  readonly before: RegionState;
}

/**
 * What a commit did to the regions and address spaces that a recording knows or has to know from now on; `undefined`
 * where it did nothing to them. Ioeventfds, coalesced ranges and the watching of all memory aren't part of it.
 */
export function collectEdits(
  edits: Iterable<CommitEdit>,
  regions: KnownRegions,
  spaces: KnownSpaces,
): RecordedEdits | undefined {
  const edited: EditedRegion[] = [];
  const editedSpaces: AddressSpace[] = [];
  for (const { subject, state } of edits) {
    if (subject instanceof MemoryRegion) {
      edited.push({ region: subject, before: state as RegionState });
    } else if (subject instanceof AddressSpace) editedSpaces.push(subject);
  }
  const known = edited.filter(({ region }) => regions.has(region));
  const made = learnAll(edited, editedSpaces, regions);
  const moved = known.filter(isPlacedAnew).map(({ region }) => region);
  const result: RecordedEdits = {
    made: made.map((region) => unplaced(describeRegion(region, regions.ids, 0))),
    taken: known.filter(isTaken).map(({ region }) => regions.idOf(region)),
    changed: known.flatMap((edit) => attributeChange(edit, regions) ?? []),
    placed: placements([...moved, ...made.filter(({ parent }) => parent)], regions),
    spacesGone: editedSpaces.flatMap((space) => (space.isDestroyed ? spaces.forget(space) : [])),
    destroyed: forgetDestroyed(known, regions),
    spacesMade: inOrder(editedSpaces).flatMap((space) =>
      space.isDestroyed ? [] : spaces.learn(space, regions),
    ),
  };
  return Object.values(result).some((list) => list.length > 0) ? result : undefined;
}

/** Gets to know what was put where the recording looks. */
function learnAll(
  edited: readonly EditedRegion[],
  editedSpaces: readonly AddressSpace[],
  regions: KnownRegions,
): MemoryRegion[] {
  const made = editedSpaces
    .filter(({ isDestroyed }) => !isDestroyed)
    .flatMap(({ root }) => regions.learn(root));
  for (const { region } of edited) {
    const { parent } = region;
    if (parent === undefined || regions.has(parent) === regions.has(region)) continue;
    made.push(...regions.learn(regions.has(region) ? parent : region));
  }
  return made;
}

/** A region gets a new sequence whenever it is placed. */
function isPlacedAnew({ region: { state }, before }: EditedRegion): boolean {
  return state.parent !== undefined && state.sequence !== before.sequence;
}

function isTaken({ region, before }: EditedRegion): boolean {
  return before.parent !== undefined && region.parent === undefined;
}

function unplaced(record: RegionRecord): RegionRecord {
  return { ...record, parent: undefined };
}

/** In the order in which they were placed, which decides among equals. */
function placements(placed: readonly MemoryRegion[], regions: KnownRegions): PlacedRegion[] {
  return inOrder(placed.map(({ state }, index) => ({ ...state, index }))).flatMap(
    ({ index, parent, address, priority }) => {
      const region = placed[index];
      if (region === undefined || parent === undefined) return [];
      return [{ region: regions.idOf(region), parent: regions.idOf(parent), address, priority }];
    },
  );
}

function inOrder<T extends { readonly sequence: number }>(list: readonly T[]): readonly T[] {
  return list.length < 2 ? list : list.toSorted((a, b) => a.sequence - b.sequence);
}

/** Aliases have higher ids than their targets, so they go first. */
function forgetDestroyed(edited: readonly EditedRegion[], regions: KnownRegions): number[] {
  const destroyed = edited.filter(({ region }) => region.isDestroyed);
  const ids = destroyed.map(({ region }) => regions.idOf(region));
  for (const { region } of destroyed) regions.forget(region);
  return ids.sort((a, b) => b - a);
}

function attributeChange(
  { region, before }: EditedRegion,
  regions: KnownRegions,
): AttributeChange | undefined {
  const { state } = region;
  const flag = (bit: number) =>
    ((state.flags ^ before.flags) & bit) === 0 ? undefined : (state.flags & bit) !== 0;
  const other = <T>(value: T, old: T) => (value === old ? undefined : value);
  const isRoot = state.parent === undefined;
  const change: AttributeChange = {
    region: regions.idOf(region),
    address: isRoot ? other(state.address, before.address) : undefined,
    priority: isRoot ? other(state.priority, before.priority) : undefined,
    size: other(state.size, before.size),
    offset: other(state.aliasOffset, before.aliasOffset),
    enabled: flag(regionFlag.enabled),
    readonly: flag(regionFlag.readonly),
    nonvolatile: flag(regionFlag.nonvolatile),
    romd: flag(regionFlag.romd),
    unmergeable: flag(regionFlag.unmergeable),
    dirtyLogMask: other(region.dirtyLogMask, (before.flags >>> dirtyLogShift) & 0xff),
  };
  return Object.entries(change).some(([name, value]) => name !== 'region' && value !== undefined)
    ? change
    : undefined;
}
