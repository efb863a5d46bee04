import { setImmediate as nextTurn } from 'node:timers/promises';

/** How far something is that takes long. */
export interface WorkProgress {
  /** What is counted, in the plural: `regions placed`. */
  readonly what: string;
  /** How much of it is done. */
  readonly done: number;
  /** How much there is of it in all; `undefined` where nobody knows yet. */
  readonly total: number | undefined;
}

/**
 * What everything can be given that takes long.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { type LongWorkOptions, readTopologyAsync, type WorkProgress } from 'flatview';
 *
 * const said: WorkProgress[] = [];
 * const options: LongWorkOptions = {
 *   signal: AbortSignal.timeout(60_000),
 *   onProgress: (progress) => said.push(progress),
 * };
 * const dump = readFileSync('examples/dumps/pc-i440fx.txt.gz');
 * const { document } = await readTopologyAsync(dump, options);
 * document.regions.length; // => 148
 * ```
 */
export interface LongWorkOptions {
  /** Stops it: the promise is rejected with the signal's reason, and all is left as it was before the call. */
  readonly signal?: AbortSignal | undefined;
  /** Called now and then; what it throws stops the work, too. */
  readonly onProgress?: ((progress: WorkProgress) => void) | undefined;
}

/** Long work in steps: it yields how far it is, and returns what it came to. */
export type Steps<T> = Generator<WorkProgress, T, void>;

/** Milliseconds of work between two turns of the event loop. */
const sliceTime = 12;

/** Does all of it, now. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * Does it in slices of a few milliseconds, between which the event loop turns: timers fire, signals are heard. Of what
 * is stopped, the `finally` blocks run.
 *
 * @throws The signal's reason; what the work or `onProgress` throws.
 */
export async function inSlices<T>(
  steps: Steps<T>,
  { signal, onProgress }: LongWorkOptions = {},
): Promise<T> {
  try {
    signal?.throwIfAborted();
    for (let end = performance.now() + sliceTime; ; ) {
      const step = steps.next();
      if (step.done) return step.value;
      if (performance.now() < end) continue;
      onProgress?.(step.value);
      await nextTurn();
      signal?.throwIfAborted();
      end = performance.now() + sliceTime;
    }
  } finally {
    steps.return(undefined as never);
  }
}
