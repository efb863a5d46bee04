import { larger, smaller } from '../../address.js';
import { type Identify, placementOf, type ShownPiece } from './shown-piece.js';

/** A region that shows elsewhere than before. */
export interface Move {
  /** From its first to its last address; something else may show in between. */
  readonly before: ShownPiece;
  readonly after: ShownPiece;
}

/** All moves, and the placements (see {@link placementOf}) from and to which they go. */
export interface Moves {
  readonly all: readonly Move[];
  readonly left: ReadonlySet<string>;
  readonly come: ReadonlySet<string>;
}

/** All that shows of a region with its first byte at one address. */
interface Placement {
  readonly id: string;
  readonly piece: ShownPiece;
}

/**
 * The regions of which a placement is gone and another one is there. Of several regions of one name those go together
 * that show the same part, then what is left in order of addresses.
 */
export function findMoves(
  before: readonly ShownPiece[],
  after: readonly ShownPiece[],
  identify: Identify,
): Moves {
  const [old, fresh] = [placements(before, identify), placements(after, identify)];
  const sameRegion = ({ piece }: Placement) => identify(piece.region);
  const samePart = ({ piece: { first, last, offset, region } }: Placement) =>
    `${offset} ${last - first} ${identify(region)}`;
  const gone = [...old.values()].filter(({ id }) => !fresh.has(id));
  const come = [...fresh.values()].filter(({ id }) => !old.has(id));
  const pairs = new Map<Placement, Placement>();
  pairUp(gone, come, samePart, pairs);
  const taken = new Set(pairs.values());
  const goneStill = gone.filter((one) => !pairs.has(one));
  pairUp(
    goneStill,
    come.filter((one) => !taken.has(one)),
    sameRegion,
    pairs,
  );
  return {
    all: [...pairs].map(([from, to]) => ({ before: from.piece, after: to.piece })),
    left: new Set([...pairs.keys()].map(({ id }) => id)),
    come: new Set([...pairs.values()].map(({ id }) => id)),
  };
}

/** The placements of some pieces, which are in ascending order. */
function placements(
  pieces: readonly ShownPiece[],
  identify: Identify,
): ReadonlyMap<string, Placement> {
  const found = new Map<string, Placement>();
  for (const piece of pieces) {
    const id = placementOf(piece, identify);
    const known = found.get(id)?.piece;
    found.set(id, { id, piece: known ? around(known, piece) : piece });
  }
  return found;
}

function around(a: ShownPiece, b: ShownPiece): ShownPiece {
  const [first, last] = [smaller(a.first, b.first), larger(a.last, b.last)];
  return { ...a, first, last, offset: smaller(a.offset, b.offset) };
}

/** Pairs those that have one key, in their order. */
function pairUp(
  gone: readonly Placement[],
  come: readonly Placement[],
  keyOf: (placement: Placement) => string,
  pairs: Map<Placement, Placement>,
): void {
  const waiting = new Map<string, Placement[]>();
  for (const placement of come.toReversed()) {
    const queue = waiting.get(keyOf(placement));
    if (queue) queue.push(placement);
    else waiting.set(keyOf(placement), [placement]);
  }
  for (const placement of gone) {
    const next = waiting.get(keyOf(placement))?.pop();
    if (next !== undefined) pairs.set(placement, next);
  }
}
