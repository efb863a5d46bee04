import { AddressSpace } from '../../memory/address-space.js';
import type { CommitEdit } from '../../memory/commit/commit-observer.js';
import type { RegionState } from '../../memory/commit/region-state.js';
import { MemoryRegion } from '../../memory/regions/memory-region.js';
import { describeRegion } from '../describe-topology.js';
import type { RegionRecord } from '../topology-document.js';
import type { KnownRegions } from './known-regions.js';
import type { KnownSpaces } from './known-spaces.js';
import type { RecordedSpace } from './recorded-step.js';
import { isOtherwise, type PlacedState, type RegionEdit } from './region-edit.js';

/** What a commit did, in values that never change: it can be put into words when there is time for that. */
export interface GatheredEdits {
  /** Of regions that were known before. */
  readonly edited: readonly RegionEdit[];
  /** Regions that are known from now on. An alias comes behind its target. */
  readonly made: readonly MadeRegion[];
  readonly spacesGone: readonly number[];
  readonly spacesMade: readonly RecordedSpace[];
}

/** A region that appears with a commit. */
export interface MadeRegion extends PlacedState {
  readonly record: RegionRecord;
}

/**
 * What a commit did to the regions and address spaces that a recording knows or has to know from now on; `undefined`
 * where it did nothing to them. Ioeventfds, coalesced ranges and the watching of all memory aren't part of it.
 *
 * A commit waits for this, and most place one region: so it takes references and leaves the rest to `sortEdits`.
 */
export function gatherEdits(
  edits: readonly CommitEdit[],
  regions: KnownRegions,
  spaces: KnownSpaces,
): GatheredEdits | undefined {
  const made = learnAll(edits, regions);
  const edited = editsOfKnown(edits, regions, made[0]?.region ?? Number.POSITIVE_INFINITY);
  const editedSpaces = spacesOf(edits);
  const spacesGone = forgetSpaces(editedSpaces, spaces);
  const spacesMade = learnSpaces(editedSpaces, regions, spaces);
  const parts = edited.length + made.length + spacesGone.length + spacesMade.length;
  return parts === 0 ? undefined : { edited, made, spacesGone, spacesMade };
}

const nothing: readonly never[] = [];

/** Gets to know what was put where the recording looks. */
function learnAll(edits: readonly CommitEdit[], regions: KnownRegions): readonly MadeRegion[] {
  let learned: MemoryRegion[] | undefined;
  for (const { subject } of edits) {
    const root = unknownRoot(subject, regions);
    if (root === undefined) continue;
    learned ??= [];
    for (const region of regions.learn(root)) learned.push(region);
  }
  return learned === undefined ? nothing : learned.map((region) => madeRegion(region, regions));
}

/** A region that was put where the recording looks and that it doesn't know. */
function unknownRoot(subject: unknown, regions: KnownRegions): MemoryRegion | undefined {
  if (subject instanceof MemoryRegion) {
    const { parent } = subject.state;
    if (parent === undefined) return undefined;
    if (!regions.has(parent)) return regions.has(subject) ? parent : undefined;
    return regions.has(subject) ? undefined : subject;
  }
  if (!(subject instanceof AddressSpace) || subject.isDestroyed) return undefined;
  return regions.has(subject.root) ? undefined : subject.root;
}

function madeRegion(region: MemoryRegion, regions: KnownRegions): MadeRegion {
  const record = describeRegion(region, regions.ids, 0);
  return { region: record.id, parent: record.parent, state: region.state, record };
}

/** Of the regions that were known before this commit: their ids are lower than `firstMade`. */
function editsOfKnown(
  edits: readonly CommitEdit[],
  regions: KnownRegions,
  firstMade: number,
): RegionEdit[] {
  const edited: RegionEdit[] = [];
  for (const { subject, state } of edits) {
    if (!(subject instanceof MemoryRegion)) continue;
    const region = regions.find(subject);
    if (region === undefined || region >= firstMade) continue;
    const [before, after] = [state as RegionState, subject.state];
    if (isOtherwise(after, before)) {
      edited.push({
        region,
        parent: after.parent && regions.idOf(after.parent),
        state: after,
        before,
      });
    }
    if (subject.isDestroyed) regions.forget(subject);
  }
  return edited;
}

function spacesOf(edits: readonly CommitEdit[]): readonly AddressSpace[] {
  let spaces: AddressSpace[] | undefined;
  for (const { subject } of edits) {
    if (!(subject instanceof AddressSpace)) continue;
    spaces ??= [];
    spaces.push(subject);
  }
  return spaces ?? nothing;
}

function forgetSpaces(edited: readonly AddressSpace[], spaces: KnownSpaces): readonly number[] {
  if (edited.length === 0) return nothing;
  return edited.flatMap((space) => (space.isDestroyed ? spaces.forget(space) : []));
}

function learnSpaces(
  edited: readonly AddressSpace[],
  regions: KnownRegions,
  spaces: KnownSpaces,
): readonly RecordedSpace[] {
  if (edited.length === 0) return nothing;
  const live = edited.filter(({ isDestroyed }) => !isDestroyed);
  live.sort((a, b) => a.sequence - b.sequence);
  return live.flatMap((space) => spaces.learn(space, regions));
}
