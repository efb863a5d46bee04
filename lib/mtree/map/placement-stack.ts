import type { Placement } from './page-map.js';

/** Finds what lies at an address, from the top of the stack down: regions that answer, and would if nothing hid them. */
export class PlacementStack {
  readonly placements: readonly Placement[];
  /** Places in {@link placements}, by first address. */
  readonly #order: Uint32Array;
  /** For each subtree of the order, taken as a balanced search tree: the highest last address in it. */
  readonly #reach: BigUint64Array;

  constructor(placements: readonly Placement[]) {
    this.placements = placements;
    const answering = [...placements.keys()].filter((at) => (placements[at]?.rank ?? -1) >= 0);
    const firstOf = (at: number): bigint => placements[at]?.first ?? 0n;
    this.#order = Uint32Array.from(answering).sort((a, b) =>
      firstOf(a) < firstOf(b) ? -1 : firstOf(a) > firstOf(b) ? 1 : a - b,
    );
    this.#reach = new BigUint64Array(this.#order.length);
    this.#fill(0, this.#order.length);
  }

  /** Places in the list of those that show anything at `first` to `last`, the topmost first. */
  within(first: bigint, last: bigint): number[] {
    const found: number[] = [];
    this.#collect(0, this.#order.length, first, last, found);
    const rankOf = (at: number): number => this.placements[at]?.rank ?? 0;
    return found.sort((a, b) => rankOf(a) - rankOf(b));
  }

  #fill(from: number, to: number): bigint {
    if (from >= to) return 0n;
    const middle = (from + to) >>> 1;
    const own = this.placements[this.#order[middle] ?? 0]?.last ?? 0n;
    const below = this.#fill(from, middle);
    const above = this.#fill(middle + 1, to);
    const reach = [own, below, above].reduce((a, b) => (a > b ? a : b));
    this.#reach[middle] = reach;
    return reach;
  }

  #collect(from: number, to: number, first: bigint, last: bigint, found: number[]): void {
    if (from >= to) return;
    const middle = (from + to) >>> 1;
    if ((this.#reach[middle] ?? 0n) < first) return;
    this.#collect(from, middle, first, last, found);
    const at = this.#order[middle] ?? 0;
    const placement = this.placements[at];
    if (placement === undefined || placement.first > last) return;
    if (placement.last >= first) found.push(at);
    this.#collect(middle + 1, to, first, last, found);
  }
}
