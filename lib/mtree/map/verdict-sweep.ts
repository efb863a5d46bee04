import type { ConsumerMap, Extent, MapVerdict } from './page-map.js';

/** The verdicts of one consumer on addresses that are asked for in ascending order. */
export class VerdictSweep {
  readonly #verdicts: readonly MapVerdict[];
  #at = 0;

  constructor({ verdicts }: ConsumerMap) {
    this.#verdicts = verdicts;
  }

  /** Those that concern `extent`, which must not lie before the one that was asked for last. */
  on({ first, last }: Extent): MapVerdict[] {
    while ((this.#verdicts[this.#at]?.last ?? first) < first) this.#at++;
    const found: MapVerdict[] = [];
    for (let at = this.#at; at < this.#verdicts.length; at++) {
      const verdict = this.#verdicts[at];
      if (verdict === undefined || verdict.first > last) break;
      found.push(verdict);
    }
    return found;
  }
}

/** What became of addresses as a whole. */
export type Outcome = 'mapped' | 'partly' | 'refused' | 'not-memory' | 'unknown';

/** Whether memory is not mapped. That what is no memory isn't mapped either is nobody's loss. */
export function isRefusedMemory({ mapped, code }: MapVerdict): boolean {
  return !mapped && code !== 'not-ram' && code !== 'romd-off';
}

/** Sums up the verdicts on some addresses: of those that concern memory, if any does. */
export function outcomeOf(verdicts: readonly MapVerdict[]): Outcome {
  if (verdicts.length === 0) return 'unknown';
  const isAnyMapped = verdicts.some(({ mapped }) => mapped);
  if (verdicts.some(isRefusedMemory)) return isAnyMapped ? 'partly' : 'refused';
  return isAnyMapped ? 'mapped' : 'not-memory';
}
