import type { AddressRange } from './page-mapping.js';
import { inOrder, sweep } from './range-sweep.js';

interface Move {
  readonly from: AddressRange;
  readonly to: AddressRange;
}

/**
 * `moves` in an order in which each finds its place free. Where they wait for each other in a circle one is left out:
 * it must be taken away before all of them, and put back after.
 */
export function orderMoves<M extends Move>(moves: readonly M[]): M[] {
  if (moves.length === 1) return [...moves];
  const { blockers, blocked } = dependencies(moves);
  const ordered: M[] = [];
  const open = new Set(moves);
  const free = moves.filter((move) => !blockers.has(move));
  const close = (move: M): void => {
    open.delete(move);
    for (const waiting of blocked.get(move) ?? []) {
      const others = blockers.get(waiting);
      if (others?.delete(move) && others.size === 0 && open.has(waiting)) free.push(waiting);
    }
  };
  for (;;) {
    for (let move = free.pop(); move !== undefined; move = free.pop()) {
      ordered.push(move);
      close(move);
    }
    const [stuck] = open;
    if (stuck === undefined) return ordered;
    close(someInCircle(stuck, blockers));
  }
}

interface Dependencies<M> {
  /** For each move that must wait, the others that start where it leads. */
  readonly blockers: Map<M, Set<M>>;
  /** For each move that others wait for, these. */
  readonly blocked: Map<M, Set<M>>;
}

function dependencies<M extends Move>(moves: readonly M[]): Dependencies<M> {
  const blockers = new Map<M, Set<M>>();
  const blocked = new Map<M, Set<M>>();
  const link = (links: Map<M, Set<M>>, one: M, other: M): void => {
    const known = links.get(one);
    if (known === undefined) links.set(one, new Set([other]));
    else known.add(other);
  };
  const ends = (end: 'from' | 'to') =>
    inOrder(moves.map((move) => ({ move, address: move[end].address, size: move[end].size })));
  sweep(ends('to'), ends('from'), (target, source) => {
    if (target === undefined || source === undefined || target.move === source.move) return;
    link(blockers, target.move, source.move);
    link(blocked, source.move, target.move);
  });
  return { blockers, blocked };
}

/** From a move that waits, along what it waits for, until one comes up again. */
function someInCircle<M>(start: M, blockers: ReadonlyMap<M, ReadonlySet<M>>): M {
  const seen = new Set<M>();
  let at = start;
  while (!seen.has(at)) {
    seen.add(at);
    const [next] = blockers.get(at) ?? [];
    at = next ?? at;
  }
  return at;
}
