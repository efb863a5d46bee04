// How often and from which seed the property tests run.

import type { TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Parameters } from 'fast-check';

/**
 * Parameters for fast-check: `FLATVIEW_TREES` sets the number of runs, and `FLATVIEW_SEED` repeats those of an earlier
 * test. Both are printed.
 *
 * @param byDefault The number of runs when nothing is set.
 * @param share The part of `FLATVIEW_TREES` that this property takes; dear ones take less.
 */
export function runs<Values>(t: TestContext, byDefault: number, share = 1): Parameters<Values> {
  const { FLATVIEW_SEED, FLATVIEW_TREES } = process.env;
  const numRuns =
    FLATVIEW_TREES === undefined ? byDefault : Math.ceil(Number(FLATVIEW_TREES) * share);
  const seed =
    FLATVIEW_SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(FLATVIEW_SEED);
  t.diagnostic(`${numRuns} runs, FLATVIEW_SEED=${seed}`);
  return { numRuns, seed };
}

/** Lets go of what the last run left: weak references and finalizers wait for a turn of the event loop. */
export async function betweenRuns(): Promise<void> {
  await setImmediate();
}
