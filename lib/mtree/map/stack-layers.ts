import type { Placement } from './page-map.js';
import { sortedAddresses } from './sorted-addresses.js';

/**
 * In which layer each placement is drawn, the topmost being 0: in front of everything that it covers any part of, and
 * otherwise as far in front as can be. -1 for what isn't drawn: what never answers, and what is disabled unless that is
 * asked for.
 */
export function stackLayers(
  placements: readonly Placement[],
  { disabled = false }: { readonly disabled?: boolean } = {},
): Int32Array {
  const layers = new Int32Array(placements.length).fill(-1);
  const drawn = [...placements.keys()].filter((at) => {
    const placement = placements[at];
    return placement !== undefined && placement.rank >= 0 && (disabled || !placement.disabled);
  });
  const rankOf = (at: number): number => placements[at]?.rank ?? 0;
  drawn.sort((a, b) => rankOf(a) - rankOf(b));
  const edges = sortedEdges(drawn.flatMap((at) => placements[at] ?? []));
  const heights = new Heights(edges.size);
  for (const at of drawn) {
    const placement = placements[at];
    if (placement === undefined) continue;
    const from = edges.get(placement.first) ?? 0;
    const to = edges.get(placement.last + 1n) ?? 0;
    const layer = heights.highest(from, to);
    heights.raise(from, to, layer + 1);
    layers[at] = layer;
  }
  return layers;
}

/** Every address where something begins, or has just ended, with its place among them. */
function sortedEdges(placements: readonly Placement[]): Map<bigint, number> {
  const edges = placements.flatMap(({ first, last }) => [first, last + 1n]);
  return new Map(sortedAddresses(edges).map((address, index) => [address, index]));
}

/** How many layers there are at each place: a segment tree, whose answers never get lower. */
class Heights {
  readonly #leaves: number;
  /** The height that a whole subtree has at least. */
  readonly #all: Int32Array;
  /** The highest of a subtree. */
  readonly #most: Int32Array;

  constructor(places: number) {
    this.#leaves = 2 ** Math.ceil(Math.log2(Math.max(places, 1)));
    this.#all = new Int32Array(this.#leaves * 2);
    this.#most = new Int32Array(this.#leaves * 2);
  }

  highest(from: number, to: number, node = 1, low = 0, high = this.#leaves): number {
    if (to <= low || high <= from) return 0;
    if (from <= low && high <= to) return this.#most[node] ?? 0;
    const middle = (low + high) >>> 1;
    return Math.max(
      this.#all[node] ?? 0,
      this.highest(from, to, node * 2, low, middle),
      this.highest(from, to, node * 2 + 1, middle, high),
    );
  }

  raise(from: number, to: number, height: number, node = 1, low = 0, high = this.#leaves): void {
    if (to <= low || high <= from) return;
    this.#most[node] = Math.max(this.#most[node] ?? 0, height);
    if (from <= low && high <= to) {
      this.#all[node] = Math.max(this.#all[node] ?? 0, height);
      return;
    }
    const middle = (low + high) >>> 1;
    this.raise(from, to, height, node * 2, low, middle);
    this.raise(from, to, height, node * 2 + 1, middle, high);
  }
}
