import { wholeRange } from '../address.js';
import type { FlatRange } from '../memory/flat-view.js';
import { clip, mapPages } from './map-pages.js';
import { type MappingPlan, type PlanOptions, planMappings } from './mapping-plan.js';
import { checkRules, type MappingRules } from './mapping-rules.js';
import { type AddressRange, endOf, type PageMapping } from './page-mapping.js';
import type { Refusal } from './refusal.js';
import { common, inOrder, overlaps, SortedRanges, uncovered, united } from './sorted-ranges.js';

/**
 * An address space as a consumer that hears of changes sees it: the flat ranges that could be mapped, and the mappings
 * that are installed. It plans for the addresses where something changed; all else costs nothing.
 *
 * Changes are gathered ({@link add}, {@link remove}, {@link relog}) until {@link plan} says what they come to. Then
 * either {@link installed} says that it was carried out, or {@link forget} that it was not.
 */
export class MappedSpace<Installed extends PageMapping> {
  readonly rules: MappingRules;
  readonly #canMove: PlanOptions<Installed>['canMove'];
  readonly #ranges = new SortedRanges<FlatRange>();
  readonly #mappings = new SortedRanges<Installed>();
  /** What was gathered, by address: ranges that are gone, and those that are new. */
  readonly #gone = new Map<bigint, FlatRange>();
  readonly #fresh = new Map<bigint, FlatRange>();

  /**
   * @throws `ERR_INVALID_ARGUMENT`: page size or largest mapping is not a power of two.
   */
  constructor(rules: MappingRules, { canMove }: Pick<PlanOptions<Installed>, 'canMove'>) {
    checkRules(rules);
    this.rules = rules;
    this.#canMove = canMove;
  }

  /** The installed mappings, ascending. */
  get mappings(): readonly Installed[] {
    return this.#mappings.all;
  }

  /** The flat ranges that could be mapped, ascending: memory of any kind that the rules know. */
  get ranges(): readonly FlatRange[] {
    return this.#ranges.all;
  }

  /** The flat ranges that touch `window`, whole. */
  rangesTouching(window: AddressRange): readonly FlatRange[] {
    return this.#ranges.touching(window);
  }

  /** The installed mappings that touch `window`, whole. */
  mappingsTouching(window: AddressRange): readonly Installed[] {
    return this.#mappings.touching(window);
  }

  /** The installed mapping that holds `address`. */
  mappingAt(address: bigint): Installed | undefined {
    return this.#mappings.at(address);
  }

  /** A flat range is new. */
  add(range: FlatRange): void {
    if (this.rules.kinds.has(range.region.kind)) this.#fresh.set(range.address, range);
  }

  /** A flat range is gone. */
  remove(range: FlatRange): void {
    if (!this.rules.kinds.has(range.region.kind) || this.#fresh.delete(range.address)) return;
    const known = this.#ranges.at(range.address);
    if (known !== undefined) this.#gone.set(range.address, known);
  }

  /** Other clients watch a flat range than before. */
  relog(range: FlatRange, dirtyLogMask: number): void {
    this.remove(range);
    this.add(range.withDirtyLogMask(dirtyLogMask));
  }

  /**
   * What is to be done about the changes that were gathered. {@link ranges} are those from before until
   * {@link installed} is called.
   *
   * @param again Addresses to be planned anew, whether or not something changed there.
   * @param options `exact`: everywhere, for as few mappings as can be.
   */
  plan(
    again: readonly AddressRange[] = [],
    { exact = false }: Pick<PlanOptions, 'exact'> = {},
  ): MappingPlan<Installed> {
    const gone = [...this.#gone.values()];
    const fresh = [...this.#fresh.values()];
    const windows = exact
      ? [everywhere]
      : this.#wholeMappings([...changedParts(gone, fresh), ...again]);
    const installed = windows.flatMap((window) => this.#mappings.touching(window));
    this.#ranges.replace(gone, fresh);
    try {
      const wanted = windows.flatMap((window) => this.#mapWindow(window).mappings);
      return planMappings(installed, wanted, { canMove: this.#canMove, exact });
    } finally {
      this.#ranges.replace(fresh, gone);
    }
  }

  /** What was planned is done: these mappings are gone, and these are there now. */
  installed(gone: readonly Installed[], fresh: readonly Installed[]): void {
    this.#mappings.replace(gone, fresh);
    this.#ranges.replace([...this.#gone.values()], [...this.#fresh.values()]);
    this.forget();
  }

  /** Drops what was gathered: it was not carried out. */
  forget(): void {
    this.#gone.clear();
    this.#fresh.clear();
  }

  /** Why the pages that touch `window` are not mapped, as far as they belong to ranges that could be mapped. */
  refusals(window: AddressRange): readonly Refusal[] {
    return this.#mapWindow(this.#wholePages(window)).refusals;
  }

  /** What is to be mapped in `window`, which consists of whole pages. */
  #mapWindow(window: AddressRange) {
    const ranges = this.#ranges.touching(window).map((range) => {
      const start = range.address > window.address ? range.address : window.address;
      const end = endOf(range) < endOf(window) ? endOf(range) : endOf(window);
      return clip(range, start, end);
    });
    return mapPages(ranges, this.rules);
  }

  /**
   * As few windows as hold all of `changed`, of whole pages and whole mappings: what is installed in them can be
   * compared with what is wanted in them, and nothing else is concerned.
   */
  #wholeMappings(changed: readonly AddressRange[]): AddressRange[] {
    const pages = united(changed.map((range) => this.#wholePages(range)));
    return united(pages.flatMap((window) => [window, ...this.#mappings.touching(window)]));
  }

  #wholePages({ address, size }: AddressRange): AddressRange {
    const { pageSize } = this.rules;
    const start = address - (address % pageSize);
    const end = address + size + pageSize - 1n;
    return { address: start, size: end - (end % pageSize) - start };
  }
}

const everywhere: AddressRange = { address: 0n, size: wholeRange };

/** Where something else shows than before: a large range of which a small part changes is replaced as a whole. */
function changedParts(gone: readonly FlatRange[], fresh: readonly FlatRange[]): AddressRange[] {
  const before = inOrder(gone);
  const after = inOrder(fresh);
  const same = overlaps(before, after)
    .filter(([a, b]) => showTheSame(a, b))
    .map(([a, b]) => common(a, b));
  return [...uncovered(before, same), ...uncovered(after, same)].map(({ start, end }) => ({
    address: start,
    size: end - start,
  }));
}

function showTheSame(a: FlatRange, b: FlatRange): boolean {
  return (
    a.region === b.region &&
    a.offset - a.address === b.offset - b.address &&
    a.readonly === b.readonly &&
    a.romd === b.romd &&
    a.dirtyLogMask === b.dirtyLogMask
  );
}
