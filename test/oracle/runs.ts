// How often and from which seed the property tests run.

import type { TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Parameters } from 'fast-check';
import { testSeed } from './seed.js';

/**
 * Parameters for fast-check: `FLATVIEW_TREES` sets the number of runs, and {@link testSeed} decides what they are. Both
 * are printed. Every property takes its parameters from here.
 *
 * @param byDefault The number of runs when nothing is set.
 * @param share The part of `FLATVIEW_TREES` that this property takes; dear ones take less.
 */
export function runs<Values>(t: TestContext, byDefault: number, share = 1): Parameters<Values> {
  const { FLATVIEW_TREES } = process.env;
  const numRuns =
    FLATVIEW_TREES === undefined ? byDefault : Math.ceil(Number(FLATVIEW_TREES) * share);
  const seed = testSeed();
  t.diagnostic(`${numRuns} runs, FLATVIEW_SEED=${seed}`);
  return { numRuns, seed };
}

/** Lets go of what the last run left: weak references and finalizers wait for a turn of the event loop. */
export async function betweenRuns(): Promise<void> {
  await setImmediate();
}
