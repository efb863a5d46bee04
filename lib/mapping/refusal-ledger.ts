import type { AddressRange } from './page-mapping.js';
import type { Refusal, RefusalCode } from './refusal.js';
import { SortedRanges } from './sorted-ranges.js';

/** What became of refusals when something changed. */
export interface RefusalChange {
  /** What was not refused before, or for another reason. */
  readonly refused: readonly Refusal[];
  /** What is no longer refused, or for another reason; it is mapped now, or gone. */
  readonly resolved: readonly Refusal[];
}

/** Hears what became of refusals: after the commit, so that it can read verdicts and change the tree. */
export type RefusalListener = (change: RefusalChange) => void;

/**
 * The refusals of a consumer that stand: kept and counted until what caused them is planned anew.
 *
 * @example
 * ```ts
 * import { MemoryTopology } from 'flatview';
 * import {
 *   MappedSpace,
 *   type RefusalChange,
 *   type RefusalLedger,
 *   type RefusalListener,
 * } from 'flatview/mapping';
 *
 * const told: RefusalChange[] = [];
 * const onRefusals: RefusalListener = (change) => told.push(change);
 * const space = new MappedSpace(
 *   { pageSize: 0x1000n, largestMapping: 1n << 30n, kinds: new Set(['ram']), canMapReadonly: true },
 *   { canMove: () => false, onRefusals },
 * );
 * const topology = new MemoryTopology();
 * for (const range of topology.addressSpace('memory', topology.ram('nvram', 0x1800n)).flatView) {
 *   space.add(range);
 * }
 * const { deletes, adds } = space.plan();
 * space.installed(deletes, adds);
 * const ledger: RefusalLedger = space.refused;
 * ledger.counts; // => new Map([['sub-page', 1]])
 *
 * await Promise.resolve();
 * told[0]?.refused.map(({ address, size }) => [address, size]); // => [[0x1000n, 0x800n]]
 * topology.close();
 * ```
 */
export class RefusalLedger {
  readonly #kept = new SortedRanges<Refusal>();
  readonly #byCode = new Map<RefusalCode, Set<Refusal>>();
  readonly #listener: RefusalListener | undefined;

  constructor(listener?: RefusalListener) {
    this.#listener = listener;
  }

  /** How many there are. */
  get count(): number {
    return this.#kept.count;
  }

  /** All that stand, ascending. */
  get all(): readonly Refusal[] {
    return this.#kept.all;
  }

  /** How many there are of each code that there are any of. */
  get counts(): ReadonlyMap<RefusalCode, number> {
    return new Map([...this.#byCode].map(([code, refusals]) => [code, refusals.size]));
  }

  /** Those that touch `window`, whole. */
  touching(window: AddressRange): readonly Refusal[] {
    return this.#kept.touching(window);
  }

  /** Some of those with `code`: `most` at the most, the oldest first. */
  oldest(code: RefusalCode, most: number): readonly Refusal[] {
    const found: Refusal[] = [];
    for (const refusal of this.#byCode.get(code) ?? []) {
      if (found.length >= most) break;
      found.push(refusal);
    }
    return found;
  }

  /** In `windows`, which hold every refusal whole that they touch, `now` is refused and nothing else. */
  replace(windows: readonly AddressRange[], now: readonly Refusal[]): void {
    const before =
      this.#kept.count === 0 ? [] : windows.flatMap((window) => this.#kept.touching(window));
    if (before.length === 0 && now.length === 0) return;
    const stays = new Map(before.map((refusal) => [refusal.address, refusal]));
    const refused: Refusal[] = [];
    for (const refusal of now) {
      if (stays.get(refusal.address)?.isSameAs(refusal)) stays.delete(refusal.address);
      else refused.push(refusal);
    }
    const resolved = [...stays.values()];
    this.#kept.replace(resolved, refused);
    for (const refusal of resolved) this.#uncount(refusal);
    for (const refusal of refused) this.#count(refusal);
    this.#tell({ refused, resolved });
  }

  #count(refusal: Refusal): void {
    const known = this.#byCode.get(refusal.code);
    if (known === undefined) this.#byCode.set(refusal.code, new Set([refusal]));
    else known.add(refusal);
  }

  #uncount(refusal: Refusal): void {
    const known = this.#byCode.get(refusal.code);
    known?.delete(refusal);
    if (known?.size === 0) this.#byCode.delete(refusal.code);
  }

  #tell(change: RefusalChange): void {
    const listener = this.#listener;
    if (listener === undefined || change.refused.length + change.resolved.length === 0) return;
    queueMicrotask(() => listener(change));
  }
}
