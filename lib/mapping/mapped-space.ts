import { larger, roundDown, roundUp, smaller, wholeRange } from '../address.js';
import type { FlatRange } from '../memory/views/flat-view.js';
import { clip, mapPages } from './map-pages.js';
import { type MappingPlan, type PlanOptions, planMappings } from './mapping-plan.js';
import { checkRules, type MappingRules } from './mapping-rules.js';
import { type AddressRange, endOf, type PageMapping } from './page-mapping.js';
import { common, inOrder, sweep, uncovered, united } from './range-sweep.js';
import type { Refusal, RefusalCode } from './refusal.js';
import { RefusalLedger, type RefusalListener } from './refusal-ledger.js';
import { SortedRanges } from './sorted-ranges.js';

/** How a {@link MappedSpace} plans. */
export interface MappedSpaceOptions<Installed extends PageMapping>
  extends Pick<PlanOptions<Installed>, 'canMove' | 'isStale'> {
  /** Hears of refusals that are new, and of those that are gone. */
  readonly onRefusals?: RefusalListener | undefined;
}

/** What became of a part of a flat range: it is mapped, or refused; neither where undoing a change failed. */
export interface Outcome<Installed extends PageMapping> {
  /** The flat range that it is about. */
  readonly range: FlatRange;
  /** What is installed there; `undefined` where nothing is. */
  readonly mapping: Installed | undefined;
  /** Why nothing is; `undefined` where something is, or where it isn't memory. */
  readonly refusal: Refusal | undefined;
}

/**
 * An address space as a consumer that hears of changes sees it: the flat ranges that could be mapped, the mappings
 * that are installed, and the refusals that stand. It plans for the addresses where something changed; all else costs
 * nothing.
 *
 * Changes are gathered ({@link add}, {@link remove}, {@link show}, {@link relog}) until {@link plan} says what they come
 * to. Then either {@link installed} says that it was carried out, or {@link forget} that it was not.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   MappedSpace,
 *   type MappedSpaceOptions,
 *   type Outcome,
 *   type PageMapping,
 * } from 'flatview/mapping';
 *
 * const options: MappedSpaceOptions<PageMapping> = { canMove: () => false };
 * const space = new MappedSpace<PageMapping>(
 *   { pageSize: 0x1000n, largestMapping: 1n << 30n, kinds: new Set(['ram']), canMapReadonly: true },
 *   options,
 * );
 * const topology = new MemoryTopology();
 * const memory = topology.addressSpace('memory', topology.ram('nvram', 0x1800n));
 * memory.addListener({
 *   regionAdd: (section) => space.add(section),
 *   regionDel: (section) => space.remove(section),
 *   commit: () => {
 *     // Here a consumer carries the plan out.
 *     const { deletes, adds } = space.plan();
 *     space.installed(deletes, adds);
 *   },
 * });
 * space.mappingAt(0xfffn)?.region.name; // => 'nvram'
 * const [range] = space.ranges;
 * const outcomes: Outcome<PageMapping>[] = range ? space.outcomes(range) : [];
 * outcomes.map(({ mapping, refusal }) => refusal?.code ?? mapping?.size); // => [0x1000n, 'sub-page']
 * topology.close();
 * ```
 */
export class MappedSpace<Installed extends PageMapping> {
  /** What the consumer can map. */
  readonly rules: MappingRules;
  /** What is refused, as of what was installed last. */
  readonly refused: RefusalLedger;
  readonly #options: PlanOptions<Installed>;
  readonly #exactOptions: PlanOptions<Installed>;
  readonly #ranges = new SortedRanges<FlatRange>();
  readonly #mappings = new SortedRanges<Installed>();
  /** What was gathered: those of {@link #ranges} that are gone, and what is new. */
  readonly #gone = new SortedRanges<FlatRange>();
  readonly #fresh = new SortedRanges<FlatRange>();
  /** What was planned last: for where, and what is refused there. */
  #planned: Planned = nothingPlanned;

  /**
   * @throws `ERR_INVALID_ARGUMENT`: page size or largest mapping is not a power of two.
   */
  constructor(rules: MappingRules, options: MappedSpaceOptions<Installed>) {
    checkRules(rules);
    this.rules = rules;
    this.refused = new RefusalLedger(options.onRefusals);
    this.#options = { canMove: options.canMove, isStale: options.isStale, exact: false };
    this.#exactOptions = { ...this.#options, exact: true };
  }

  /** The installed mappings, ascending. */
  get mappings(): readonly Installed[] {
    return this.#mappings.all;
  }

  /** The flat ranges that could be mapped, ascending: memory of any kind that the rules know. */
  get ranges(): readonly FlatRange[] {
    return this.#ranges.all;
  }

  /** How many mappings are installed. */
  get mappingCount(): number {
    return this.#mappings.count;
  }

  /** How many flat ranges were gathered that are new. */
  get gathered(): number {
    return this.#fresh.count;
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

  /** In `window` show `ranges` from now on, which lie in it, and nothing else. Those are of any kind. */
  show(window: AddressRange, ranges: readonly FlatRange[]): void {
    const end = endOf(window);
    for (const range of this.rangesToBe(window)) {
      if (!this.#fresh.delete(range.address)) this.#gone.add(range);
      if (range.address < window.address) {
        this.#fresh.add(clip(range, range.address, window.address));
      }
      if (endOf(range) > end) this.#fresh.add(clip(range, end, endOf(range)));
    }
    for (const range of ranges) this.#fresh.add(range);
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
    for (const window of windows) ranges.push(...clipped(this.rangesToBe(window), window));
    const { mappings, refusals } = mapPages(ranges, this.rules);
    this.#planned = { windows, refusals };
    return planMappings(installed, mappings, exact ? this.#exactOptions : this.#options);
  }

  /**
   * What was planned is done: these mappings are gone, and these are there now.
   *
   * @param unmade Why others that were planned are not: what the consumer can do without.
   */
  installed(
    gone: readonly Installed[],
    fresh: readonly Installed[],
    unmade: readonly Refusal[] = [],
  ): void {
    this.#mappings.replace(gone, fresh);
    this.#ranges.replace(this.#gone.all, this.#fresh.all);
    const { windows, refusals } = this.#planned;
    this.refused.replace(windows, unmade.length === 0 ? refusals : [...refusals, ...unmade]);
    this.forget();
  }

  /** Drops what was gathered: it was not carried out. */
  forget(): void {
    this.#gone.clear();
    this.#fresh.clear();
    this.#planned = nothingPlanned;
  }

  /** Mappings are gone, or there, beside what was planned: an undo that failed, or work that was done in advance. */
  replaced(gone: readonly Installed[], fresh: readonly Installed[]): void {
    this.#mappings.replace(gone, fresh);
  }

  /** What became of each part of `range`, ascending. */
  outcomes(range: FlatRange): Outcome<Installed>[] {
    const isKnown = this.#ranges.at(range.address) !== undefined;
    const refusals = isKnown ? this.refusals(range) : mapPages([range], this.rules).refusals;
    const unmade = this.refused.touching(range).filter(({ code }) => unmadeCodes.has(code));
    const within = [...refusals, ...unmade].filter((it) => range.contains(it.address));
    const known: Part<Installed>[] = [
      ...this.mappingsTouching(range).map((mapping) => ({ ...common(mapping, range), mapping })),
      ...within.map((refusal) => ({ address: refusal.address, size: refusal.size, refusal })),
    ];
    const parts: Part<Installed>[] = [...inOrder(known)];
    for (const { start, end } of uncovered([range], parts)) {
      parts.push({ address: start, size: end - start });
    }
    return inOrder(parts).map(({ address, size, mapping, refusal }) => ({
      range: clip(range, address, address + size),
      mapping,
      refusal,
    }));
  }

  /** Why the pages that touch `window` are not mapped, as far as they belong to ranges that could be mapped. */
  refusals(window: AddressRange): readonly Refusal[] {
    const pages = this.#wholePages(window);
    return mapPages(clipped(this.#ranges.touching(pages), pages), this.rules).refusals;
  }

  /** The flat ranges that will touch `window`, whole, once what was gathered is done. */
  rangesToBe(window: AddressRange): readonly FlatRange[] {
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
    const pages = this.#withRefusals(united(changed.map((range) => this.#wholePages(range))));
    const installed: Installed[] = [];
    for (const window of pages) {
      for (const mapping of this.#mappings.touching(window)) {
        // One that the window before touches, too, was the last to be found there.
        if (mapping !== installed.at(-1)) installed.push(mapping);
      }
    }
    return { windows: united([...pages, ...installed]), installed };
  }

  /** `windows`, and the pages of all refusals that they concern, and of those that these concern. */
  #withRefusals(windows: readonly AddressRange[]): readonly AddressRange[] {
    if (this.refused.count === 0) return windows;
    for (let held = windows; ; ) {
      const refusals = held.flatMap((window) => this.#refusalsOn(window));
      const wider = united([...held, ...refusals.map((it) => this.#wholePages(it))]);
      const isSame = wider.length === held.length && wider.every((it, i) => isEqual(it, held[i]));
      if (isSame) return held;
      held = wider;
    }
  }

  /** The refusals that touch `window`, or adjoin it and are of a range that grows or shrinks. */
  #refusalsOn(window: AddressRange): readonly Refusal[] {
    const start = window.address === 0n ? 0n : window.address - 1n;
    const end = endOf(window);
    const around = { address: start, size: end + 1n - start };
    return this.refused.touching(around).filter(({ address, range }) => {
      const touches = address < end && range.last >= window.address;
      return touches || (this.#fresh.at(address) ?? this.#gone.at(address)) !== undefined;
    });
  }

  #wholePages({ address, size }: AddressRange): AddressRange {
    const { pageSize } = this.rules;
    const start = roundDown(address, pageSize);
    return { address: start, size: roundUp(address + size, pageSize) - start };
  }
}

const everywhere: AddressRange = { address: 0n, size: wholeRange };

/** Why a mapping that could be made was not. */
const unmadeCodes: ReadonlySet<RefusalCode> = new Set(['errno', 'budget']);

/** A part of a range, and what became of it. */
interface Part<Installed> extends AddressRange {
  readonly mapping?: Installed;
  readonly refusal?: Refusal;
}

/** What was planned, as far as it is needed when it is done. */
interface Planned {
  readonly windows: readonly AddressRange[];
  readonly refusals: readonly Refusal[];
}

const nothingPlanned: Planned = { windows: [], refusals: [] };

function isEqual(a: AddressRange, b: AddressRange | undefined): boolean {
  return a.address === b?.address && a.size === b.size;
}

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
    a.writeonly === b.writeonly &&
    a.romd === b.romd &&
    a.dirtyLogMask === b.dirtyLogMask
  );
}
