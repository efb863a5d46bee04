import { AddressSpace } from '../../memory/address-space.js';
import type { CommitEdit } from '../../memory/commit/commit-observer.js';
import { dirtyLogShift, type RegionState, regionFlag } from '../../memory/commit/region-state.js';
import { MemoryRegion } from '../../memory/regions/memory-region.js';
import { describeRegion } from '../describe-topology.js';
import type { RegionRecord } from '../topology-document.js';
import type { KnownRegions } from './known-regions.js';
import type { KnownSpaces } from './known-spaces.js';
import type {
  AttributeChange,
  PlacedRegion,
  RecordedEdits,
  RecordedSpace,
} from './recorded-step.js';

/** What a commit may have changed: of the regions that were known before it, the state that they had. */
interface Edited {
  readonly known: { readonly region: MemoryRegion; readonly before: RegionState }[];
  readonly strangers: MemoryRegion[];
  readonly spaces: AddressSpace[];
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
  const edited = sortOut(edits, regions);
  const made = learnAll(edited, regions);
  const placed = made.filter(({ parent }) => parent);
  const taken: number[] = [];
  const changed: AttributeChange[] = [];
  const destroyed: MemoryRegion[] = [];
  for (const { region, before } of edited.known) {
    const { state, isDestroyed } = region;
    // A region gets a new sequence whenever it is placed.
    if (state.parent === undefined) {
      if (before.parent !== undefined) taken.push(regions.idOf(region));
    } else if (state.sequence !== before.sequence) placed.push(region);
    if (isDestroyed) destroyed.push(region);
    else if (isOtherwise(state, before)) changed.push(attributeChange(region, before, regions));
  }
  const spacesGone = edited.spaces.flatMap((one) => (one.isDestroyed ? spaces.forget(one) : []));
  const spacesMade = learnSpaces(edited.spaces, regions, spaces);
  const isNothing =
    placed.length + made.length + taken.length + changed.length + destroyed.length === 0 &&
    spacesGone.length + spacesMade.length === 0;
  if (isNothing) return undefined;
  return {
    made: made.map((region) => unplaced(describeRegion(region, regions.ids, 0))),
    taken,
    changed,
    placed: placements(placed, regions),
    spacesGone,
    destroyed: forgetAll(destroyed, regions),
    spacesMade,
  };
}

function sortOut(edits: Iterable<CommitEdit>, regions: KnownRegions): Edited {
  const edited: Edited = { known: [], strangers: [], spaces: [] };
  for (const { subject, state } of edits) {
    if (subject instanceof MemoryRegion) {
      if (!regions.has(subject)) edited.strangers.push(subject);
      else edited.known.push({ region: subject, before: state as RegionState });
    } else if (subject instanceof AddressSpace) edited.spaces.push(subject);
  }
  return edited;
}

/** Gets to know what was put where the recording looks. */
function learnAll({ known, strangers, spaces }: Edited, regions: KnownRegions): MemoryRegion[] {
  const made: MemoryRegion[] = [];
  for (const { root, isDestroyed } of spaces) if (!isDestroyed) made.push(...regions.learn(root));
  for (const region of strangers) {
    if (region.parent !== undefined && regions.has(region.parent)) {
      made.push(...regions.learn(region));
    }
  }
  for (const { region } of known) {
    if (region.parent !== undefined) made.push(...regions.learn(region.parent));
  }
  return made;
}

function learnSpaces(
  edited: readonly AddressSpace[],
  regions: KnownRegions,
  spaces: KnownSpaces,
): RecordedSpace[] {
  const live = edited.filter(({ isDestroyed }) => !isDestroyed);
  live.sort((a, b) => a.sequence - b.sequence);
  return live.flatMap((space) => spaces.learn(space, regions));
}

function unplaced(record: RegionRecord): RegionRecord {
  return { ...record, parent: undefined };
}

/** In the order in which they were placed, which decides among equals. */
function placements(placed: MemoryRegion[], regions: KnownRegions): PlacedRegion[] {
  if (placed.length > 1) placed.sort((a, b) => a.state.sequence - b.state.sequence);
  return placed.flatMap((region) => {
    const { parent, address, priority } = region;
    if (parent === undefined) return [];
    return { region: regions.idOf(region), parent: regions.idOf(parent), address, priority };
  });
}

/** Aliases have higher ids than their targets, so they go first. */
function forgetAll(destroyed: readonly MemoryRegion[], regions: KnownRegions): number[] {
  const ids = destroyed.map((region) => regions.idOf(region));
  for (const region of destroyed) regions.forget(region);
  return ids.sort((a, b) => b - a);
}

/** Whether there is a change beside the place. Only without a parent are address and priority attributes. */
function isOtherwise(state: RegionState, before: RegionState): boolean {
  return (
    state.flags !== before.flags ||
    state.size !== before.size ||
    state.aliasOffset !== before.aliasOffset ||
    (state.parent === undefined &&
      (state.address !== before.address || state.priority !== before.priority))
  );
}

function attributeChange(
  region: MemoryRegion,
  before: RegionState,
  regions: KnownRegions,
): AttributeChange {
  const { state } = region;
  const flag = (bit: number) =>
    ((state.flags ^ before.flags) & bit) === 0 ? undefined : (state.flags & bit) !== 0;
  const other = <T>(value: T, old: T) => (value === old ? undefined : value);
  const isRoot = state.parent === undefined;
  return {
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
}
