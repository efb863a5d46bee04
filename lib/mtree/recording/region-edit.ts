import type { RegionState } from '../../memory/commit/region-state.js';

/** A region as a commit left it; `parent` is the number of the parent that it had then. */
export interface PlacedState {
  readonly region: number;
  readonly parent: number | undefined;
  readonly state: RegionState;
}

/** A region that was known before a commit, and the state that it had then. */
export interface RegionEdit extends PlacedState {
  readonly before: RegionState;
}

/** Whether a recording has anything to say of an edit: not of ioeventfds and coalesced ranges. */
export function isOtherwise(state: RegionState, before: RegionState): boolean {
  return isPlaced(state, before) || isTaken(state, before) || hasOtherAttributes(state, before);
}

/** Whether the region was put somewhere: it gets a new sequence then. */
export function isPlaced(state: RegionState, before: RegionState): boolean {
  return state.parent !== undefined && state.sequence !== before.sequence;
}

/** Whether the region left its parent and went nowhere. */
export function isTaken(state: RegionState, before: RegionState): boolean {
  return state.parent === undefined && before.parent !== undefined;
}

/** Whether there is a change beside the place. Only without a parent are address and priority attributes. */
export function hasOtherAttributes(state: RegionState, before: RegionState): boolean {
  return (
    state.flags !== before.flags ||
    state.size !== before.size ||
    state.aliasOffset !== before.aliasOffset ||
    (state.parent === undefined &&
      (state.address !== before.address || state.priority !== before.priority))
  );
}
