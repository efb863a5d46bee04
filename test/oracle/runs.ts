// How often and from which seed the property tests run.

import type { Parameters } from 'fast-check';

/**
 * Parameters for fast-check: `FLATVIEW_TREES` sets the number of runs, `FLATVIEW_SEED` repeats those of an earlier run
 * (every failure prints its seed).
 *
 * @param byDefault The number of runs when nothing is set.
 * @param share The part of `FLATVIEW_TREES` that this property takes; dear ones take less.
 */
export function runs<T>(byDefault: number, share = 1): Parameters<T> {
  const { FLATVIEW_SEED: seed, FLATVIEW_TREES: trees } = process.env;
  return {
    numRuns: trees === undefined ? byDefault : Math.ceil(Number(trees) * share),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    endOnFailure: false,
  };
}
