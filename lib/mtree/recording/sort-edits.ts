import { dirtyLogShift, type RegionState, regionFlag } from '../../memory/commit/region-state.js';
import type { GatheredEdits } from './gather-edits.js';
import type { AttributeChange, PlacedRegion, RecordedEdits } from './recorded-step.js';
import {
  hasOtherAttributes,
  isPlaced,
  isTaken,
  type PlacedState,
  type RegionEdit,
} from './region-edit.js';

/** The lists that a step of a recording consists of. */
export function sortEdits(gathered: GatheredEdits): RecordedEdits {
  const { edited, made, spacesGone, spacesMade } = gathered;
  const placed: PlacedState[] = [];
  const taken: number[] = [];
  const changed: AttributeChange[] = [];
  const destroyed: number[] = [];
  for (const one of made) if (one.parent !== undefined) placed.push(one);
  for (const edit of edited) {
    const { region, state, before } = edit;
    if (isTaken(state, before)) taken.push(region);
    if (isPlaced(state, before)) placed.push(edit);
    if ((state.flags & regionFlag.destroyed) !== 0) destroyed.push(region);
    else if (hasOtherAttributes(state, before)) changed.push(attributeChange(edit));
  }
  return {
    made: made.map(({ record }) => ({ ...record, parent: undefined })),
    taken,
    changed,
    placed: placements(placed),
    spacesGone,
    // Aliases have higher ids than their targets, so they go first.
    destroyed: destroyed.sort((a, b) => b - a),
    spacesMade,
  };
}

/** In the order in which they were placed, which decides among equals. */
function placements(placed: PlacedState[]): PlacedRegion[] {
  if (placed.length > 1) placed.sort((a, b) => a.state.sequence - b.state.sequence);
  const placements: PlacedRegion[] = [];
  for (const { region, parent, state } of placed) {
    if (parent === undefined) continue;
    placements.push({ region, parent, address: state.address, priority: state.priority });
  }
  return placements;
}

function attributeChange({ region, state, before }: RegionEdit): AttributeChange {
  const flag = (bit: number) =>
    ((state.flags ^ before.flags) & bit) === 0 ? undefined : (state.flags & bit) !== 0;
  const other = <T>(value: T, old: T) => (value === old ? undefined : value);
  const isRoot = state.parent === undefined;
  return {
    region,
    address: isRoot ? other(state.address, before.address) : undefined,
    priority: isRoot ? other(state.priority, before.priority) : undefined,
    size: other(state.size, before.size),
    offset: other(state.aliasOffset, before.aliasOffset),
    enabled: flag(regionFlag.enabled),
    readonly: flag(regionFlag.readonly),
    nonvolatile: flag(regionFlag.nonvolatile),
    romd: flag(regionFlag.romd),
    unmergeable: flag(regionFlag.unmergeable),
    dirtyLogMask: other(dirtyLogMask(state), dirtyLogMask(before)),
  };
}

function dirtyLogMask({ flags }: RegionState): number {
  return (flags >>> dirtyLogShift) & 0xff;
}
