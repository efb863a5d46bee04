import type { Steps } from '../../long-work.js';
import { sweep } from '../../mapping/range-sweep.js';
import type { FlatRange, FlatView } from '../../memory/views/flat-view.js';
import { findMoves, type Move, type Moves } from './moves.js';
import { type Identify, pieceOf, placementOf, type ShownPiece } from './shown-piece.js';
import type { Change, ChangedAspect } from './topology-difference.js';

/** So many stretches are looked at in a step. */
const stretchesAStep = 1024;

/** Addresses over which neither view changes, and at least one shows something. */
interface Stretch {
  readonly before: ShownPiece | undefined;
  readonly after: ShownPiece | undefined;
}

/** What changed from one flat view to another, ascending. */
export function* viewChanges(
  before: FlatView,
  after: FlatView,
  identify: Identify,
): Steps<Change[]> {
  const stretches = yield* stretchesOf(before, after);
  const moves = findMoves(
    stretches.flatMap((stretch) => stretch.before ?? []),
    stretches.flatMap((stretch) => stretch.after ?? []),
    identify,
  );
  const changes: Change[] = moves.all.map(movedChange);
  for (const [at, stretch] of stretches.entries()) {
    if (at % stretchesAStep === 0) {
      yield { what: 'ranges compared', done: at, total: stretches.length };
    }
    const change = changeAt(stretch, moves, identify);
    if (change !== undefined) changes.push(change);
  }
  return changes.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
}

function* stretchesOf(before: FlatView, after: FlatView): Steps<Stretch[]> {
  const [old, fresh] = [yield* rangesOf(before), yield* rangesOf(after)];
  const stretches: Stretch[] = [];
  sweep(old, fresh, (one, other, start, end) => {
    stretches.push({
      before: one && pieceOf(one, start, end),
      after: other && pieceOf(other, start, end),
    });
  });
  return stretches;
}

function* rangesOf(view: FlatView): Steps<FlatRange[]> {
  const ranges: FlatRange[] = [];
  for (const range of view.ranges()) {
    if (ranges.push(range) % stretchesAStep === 0) {
      yield { what: 'ranges read', done: ranges.length, total: view.rangeCount };
    }
  }
  return ranges;
}

function movedChange({ before, after }: Move): Change {
  const distance = after.first - after.offset - (before.first - before.offset);
  const { first, last } = after;
  return { kind: 'moved', first, last, before, after, distance };
}

/** What is to be told of a stretch. What left or came by a move is told with the move. */
function changeAt(
  { before, after }: Stretch,
  moves: Moves,
  identify: Identify,
): Change | undefined {
  const hasLeft = before !== undefined && moves.left.has(placementOf(before, identify));
  const hasCome = after !== undefined && moves.come.has(placementOf(after, identify));
  if (before && after) {
    const aspects = changedAspects(before, after, identify);
    const isTold =
      (hasLeft || isBehind(before, after, identify)) &&
      (hasCome || isBehind(after, before, identify)) &&
      (hasLeft || hasCome);
    const { first, last } = before;
    if (aspects.length === 0 || isTold) return undefined;
    return { kind: 'changed', first, last, before, after, aspects };
  }
  if (before && !hasLeft) return { kind: 'gone', first: before.first, last: before.last, before };
  if (after && !hasCome) return { kind: 'new', first: after.first, last: after.last, after };
  return undefined;
}

/** Whether `background` shows where `piece` doesn't because the latter lies in it, as in the region of a bus. */
function isBehind(background: ShownPiece, piece: ShownPiece, identify: Identify): boolean {
  const name = identify(background.region);
  for (let at = piece.region.parent; at !== undefined; at = at.parent) {
    if (identify(at) === name) return true;
  }
  return false;
}

function changedAspects(a: ShownPiece, b: ShownPiece, identify: Identify): ChangedAspect[] {
  if (identify(a.region) !== identify(b.region)) return ['region'];
  const aspects: ChangedAspect[] = [];
  if (a.offset !== b.offset) aspects.push('offset');
  if (a.type !== b.type) aspects.push('type');
  if (a.nonvolatile !== b.nonvolatile) aspects.push('nonvolatile');
  return aspects;
}
