import { hex } from '../../address.js';
import type { Notes } from './notes.js';
import type { TextRegion } from './text-region.js';

/**
 * Puts the subregions of every region into stacking order. Siblings are printed by address, so the order of those
 * with equal priorities is lost, except at one and the same address; there the printed order holds. Otherwise the
 * smaller one is taken to be on top.
 */
export function stackSubregions(regions: readonly TextRegion[], notes: Notes): void {
  for (const { subregions } of regions) {
    if (subregions.length < 2) continue;
    const weight = weights(subregions);
    const printed = new Map(subregions.map((region, index) => [region, index]));
    for (const [upper, lower] of overlaps(subregions)) noteOverlap(upper, lower, weight, notes);
    subregions.sort(
      (a, b) =>
        b.priority - a.priority ||
        compare(weight.get(a) ?? 0n, weight.get(b) ?? 0n) ||
        (printed.get(a) ?? 0) - (printed.get(b) ?? 0),
    );
  }
}

/**
 * What decides between siblings of equal priority: the size. Of those at one address a later one weighs no less than
 * the ones before it, which keeps their order.
 */
function weights(siblings: readonly TextRegion[]): Map<TextRegion, bigint> {
  const weight = new Map<TextRegion, bigint>();
  let before: TextRegion | undefined;
  for (const region of siblings) {
    const chained = before?.address === region.address && before.priority === region.priority;
    const least = (chained && before && weight.get(before)) || 0n;
    weight.set(region, region.size > least ? region.size : least);
    before = region;
  }
  return weight;
}

/** For each sibling one of its priority that starts before it and reaches into it, where there is one. */
function* overlaps(printed: readonly TextRegion[]): Generator<[TextRegion, TextRegion], void> {
  const farthest = new Map<number, TextRegion>();
  for (const region of printed) {
    if (!region.enabled) continue;
    const before = farthest.get(region.priority);
    if (before && endOf(before) > region.address && before.address !== region.address) {
      yield [before, region];
    }
    if (!before || endOf(region) > endOf(before)) farthest.set(region.priority, region);
  }
}

function endOf({ address, size }: TextRegion): bigint {
  return address + size;
}

function noteOverlap(
  first: TextRegion,
  second: TextRegion,
  weight: ReadonlyMap<TextRegion, bigint>,
  notes: Notes,
): void {
  const firstWins = (weight.get(first) ?? 0n) <= (weight.get(second) ?? 0n);
  const [upper, lower] = firstWins ? [first, second] : [second, first];
  const message =
    `${upper.label} is taken to lie above ${lower.label}: they overlap from ${hex(second.line.start)} on ` +
    `with equal priorities, and their order is not printed`;
  notes.add('sibling-order', second.line.line, message);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is found out about the order of siblings after {@link stackSubregions} has guessed it. */
export class SiblingOrder {
  /** The siblings that are known to lie above a region. */
  readonly #above = new Map<TextRegion, Set<TextRegion>>();

  /**
   * Puts `upper` above `lower`, its sibling of equal priority, and what is known to lie above `upper` too.
   *
   * @returns Whether that is possible: it is not where `lower` is known to lie above `upper`.
   */
  place(upper: TextRegion, lower: TextRegion): boolean {
    const { parent } = upper;
    if (!parent || parent !== lower.parent || upper.priority !== lower.priority) return false;
    const rising = this.#withAllAbove(upper);
    if (rising.has(lower)) return false;
    const known = this.#above.get(lower) ?? new Set();
    this.#above.set(lower, known.add(upper));
    const target = parent.subregions.indexOf(lower);
    const moved = parent.subregions.filter((child, at) => at > target && rising.has(child));
    const rest = parent.subregions.filter((child) => !moved.includes(child));
    rest.splice(rest.indexOf(lower), 0, ...moved);
    parent.subregions = rest;
    return true;
  }

  #withAllAbove(region: TextRegion): Set<TextRegion> {
    const all = new Set([region]);
    for (const one of all) {
      for (const above of this.#above.get(one) ?? []) all.add(above);
      for (const above of printedAbove(one)) all.add(above);
    }
    return all;
  }
}

/** Siblings of the same priority at the same address, in whose order the printed one can be trusted. */
function printedAbove({ parent, address, priority, line }: TextRegion): TextRegion[] {
  return (parent?.subregions ?? []).filter(
    (one) => one.address === address && one.priority === priority && one.line.line < line.line,
  );
}
