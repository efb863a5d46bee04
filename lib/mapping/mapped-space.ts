import { larger, smaller, wholeRange } from '../address.js';
import type { FlatRange } from '../memory/flat-view.js';
import { clip, mapPages } from './map-pages.js';
import { type MappingPlan, type PlanOptions, planMappings } from './mapping-plan.js';
import { checkRules, type MappingRules } from './mapping-rules.js';
import { type AddressRange, endOf, type PageMapping } from './page-mapping.js';
import { inOrder, sweep, united } from './range-sweep.js';
import type { Refusal } from './refusal.js';
import { SortedRanges } from './sorted-ranges.js';

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
  /** What was gathered: those of {@link #ranges} that are gone, and what is new. */
  readonly #gone = new SortedRanges<FlatRange>();
  readonly #fresh = new SortedRanges<FlatRange>();

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

  /** Whether there is no flat range that could be mapped. */
  get isEmpty(): boolean {
    return this.#ranges.isEmpty;
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
    if (this.rules.kinds.has(range.region.kind)) this.#fresh.add(range);
  }

  /** A flat range is gone. */
  remove(range: FlatRange): void {
    if (!this.rules.kinds.has(range.region.kind) || this.#fresh.delete(range.address)) return;
    const known = this.#ranges.at(range.address);
    if (known !== undefined && this.#gone.at(known.address) === undefined) this.#gone.add(known);
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
    const { windows, installed } = exact
      ? { windows: [everywhere], installed: this.#mappings.all }
      : this.#concerned([...changedParts(this.#gone.all, this.#fresh.all), ...again]);
    // The windows don't touch each other: what is mapped in one has nothing to do with the others.
    const ranges: FlatRange[] = [];
    for (const window of windows) ranges.push(...clipped(this.#rangesToBe(window), window));
    const wanted = mapPages(ranges, this.rules).mappings;
    return planMappings(installed, wanted, { canMove: this.#canMove, exact });
  }

  /** What was planned is done: these mappings are gone, and these are there now. */
  installed(gone: readonly Installed[], fresh: readonly Installed[]): void {
    this.#mappings.replace(gone, fresh);
    this.#ranges.replace(this.#gone.all, this.#fresh.all);
    this.forget();
  }

  /** Drops what was gathered: it was not carried out. */
  forget(): void {
    this.#gone.clear();
    this.#fresh.clear();
  }

  /** Why the pages that touch `window` are not mapped, as far as they belong to ranges that could be mapped. */
  refusals(window: AddressRange): readonly Refusal[] {
    const pages = this.#wholePages(window);
    return mapPages(clipped(this.#ranges.touching(pages), pages), this.rules).refusals;
  }

  /** The flat ranges that will touch `window`, once what was gathered is done. */
  #rangesToBe(window: AddressRange): readonly FlatRange[] {
    const kept = this.#ranges
      .touching(window)
      .filter(({ address }) => this.#gone.at(address) === undefined);
    return inOrder([...kept, ...this.#fresh.touching(window)]);
  }

  /**
   * As few windows as hold all of `changed`, of whole pages and whole mappings, and what is installed in them: it can be
   * compared with what is wanted in them, and nothing else is concerned.
   */
  #concerned(changed: readonly AddressRange[]): Concerned<Installed> {
    const pages = united(changed.map((range) => this.#wholePages(range)));
    const installed: Installed[] = [];
    for (const window of pages) {
      for (const mapping of this.#mappings.touching(window)) {
        // One that the window before touches, too, was the last to be found there.
        if (mapping !== installed.at(-1)) installed.push(mapping);
      }
    }
    return { windows: united([...pages, ...installed]), installed };
  }

  #wholePages({ address, size }: AddressRange): AddressRange {
    const { pageSize } = this.rules;
    const start = address - (address % pageSize);
    const end = address + size + pageSize - 1n;
    return { address: start, size: end - (end % pageSize) - start };
  }
}

const everywhere: AddressRange = { address: 0n, size: wholeRange };

/** Whole pages and mappings for which is planned. */
interface Concerned<Installed> {
  readonly windows: readonly AddressRange[];
  /** All that touch a window. */
  readonly installed: readonly Installed[];
}

/** The parts of `ranges`, which all touch `window`, that lie in it. */
function clipped(ranges: readonly FlatRange[], window: AddressRange): FlatRange[] {
  const windowEnd = endOf(window);
  return ranges.map((range) => {
    return clip(range, larger(range.address, window.address), smaller(endOf(range), windowEnd));
  });
}

/** Where something else shows than before: a large range of which a small part changes is replaced as a whole. */
function changedParts(gone: readonly FlatRange[], fresh: readonly FlatRange[]): AddressRange[] {
  const parts: AddressRange[] = [];
  sweep(gone, fresh, (before, after, start, end) => {
    const isSame = before !== undefined && after !== undefined && showTheSame(before, after);
    if (!isSame) parts.push({ address: start, size: end - start });
  });
  return parts;
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
