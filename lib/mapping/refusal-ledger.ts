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

/** The refusals of a consumer that stand: kept and counted until what caused them is planned anew. */
export class RefusalLedger {
  readonly #kept = new SortedRanges<Refusal>();
  readonly #counts = new Map<RefusalCode, number>();
  readonly #listener: RefusalListener | undefined;

  constructor(listener?: RefusalListener) {
    this.#listener = listener;
  }

  get isEmpty(): boolean {
    return this.#kept.isEmpty;
  }

  /** All that stand, ascending. */
  get all(): readonly Refusal[] {
    return this.#kept.all;
  }

  /** How many there are of each code that there are any of. */
  get counts(): ReadonlyMap<RefusalCode, number> {
    return this.#counts;
  }

  /** Those that touch `window`, whole. */
  touching(window: AddressRange): readonly Refusal[] {
    return this.#kept.touching(window);
  }

  /** In `windows`, which hold every refusal whole that they touch, `now` is refused and nothing else. */
  replace(windows: readonly AddressRange[], now: readonly Refusal[]): void {
    const before = this.#kept.isEmpty ? [] : windows.flatMap((it) => this.#kept.touching(it));
    if (before.length === 0 && now.length === 0) return;
    const known = new Map(before.map((refusal) => [refusal.address, refusal]));
    const isKnown = (refusal: Refusal): boolean =>
      known.get(refusal.address)?.isSameAs(refusal) ?? false;
    const refused = now.filter((refusal) => !isKnown(refusal));
    for (const refusal of now) if (isKnown(refusal)) known.delete(refusal.address);
    const resolved = [...known.values()];
    this.#kept.replace(before, now);
    for (const { code } of resolved) this.#count(code, -1);
    for (const { code } of refused) this.#count(code, 1);
    this.#tell({ refused, resolved });
  }

  #count(code: RefusalCode, more: number): void {
    const count = (this.#counts.get(code) ?? 0) + more;
    if (count === 0) this.#counts.delete(code);
    else this.#counts.set(code, count);
  }

  #tell(change: RefusalChange): void {
    const listener = this.#listener;
    if (listener === undefined || change.refused.length + change.resolved.length === 0) return;
    queueMicrotask(() => listener(change));
  }
}
