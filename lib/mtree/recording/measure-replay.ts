import { atOnce, inSlices, type LongWorkOptions, type Steps } from '../../long-work.js';
import type { MemoryListener } from '../../memory/listeners/memory-listener.js';
import type { Recording } from './read-recording.js';
import { RecordedTopology, replayProgress } from './recorded-topology.js';

/** What the steps of a recording came to when they were replayed. */
export interface ReplayMeasures {
  /** How many commits were measured. */
  readonly steps: number;
  /** What each commit took, in microseconds, edits included; in ascending order. */
  readonly microseconds: Float64Array;
  /** How many ranges each step added and deleted, in the order of steps. */
  readonly rangesChanged: readonly number[];
  /** Milliseconds of the recording from its beginning to its last step. */
  readonly duration: number;
}

/**
 * Replays all of a recording and measures it, on this machine and as it is busy now.
 *
 * @param listening With a listener on all address spaces, which counts ranges. Without one, no range is counted.
 * @throws As {@link RecordedTopology.next}.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { measureReplay, quantile, type ReplayMeasures, readRecording } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * const measures: ReplayMeasures = measureReplay(boot, true);
 * measures.steps; // => 41
 * Math.max(...measures.rangesChanged); // => 42
 * quantile(measures.microseconds, 0.5) > 0; // => true
 * ```
 */
export function measureReplay(recording: Recording, listening: boolean): ReplayMeasures {
  return atOnce(measureSteps(recording, listening));
}

/**
 * The same as {@link measureReplay}, while the event loop turns: it does so between commits.
 *
 * @throws As {@link measureReplay}; the signal's reason.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { measureReplayAsync, readRecording } from 'flatview/recording';
 *
 * const boot = readRecording(readFileSync('examples/recordings/pc-seabios.fvr.gz'));
 * const signal = AbortSignal.abort();
 * const stopped = await measureReplayAsync(boot, false, { signal }).catch((error) => error.name);
 * stopped; // => 'AbortError'
 * ```
 */
export function measureReplayAsync(
  recording: Recording,
  listening: boolean,
  options: LongWorkOptions = {},
): Promise<ReplayMeasures> {
  return inSlices(measureSteps(recording, listening), options);
}

/** Measures step by step. */
export function* measureSteps(recording: Recording, listening: boolean): Steps<ReplayMeasures> {
  using replayed = new RecordedTopology(recording);
  const counter = new RangeCounter();
  if (listening) replayed.topology.addListener(counter);
  counter.take();
  const times: number[] = [];
  const rangesChanged: number[] = [];
  let duration = 0;
  for (const step of recording.steps()) {
    const start = performance.now();
    replayed.carryOut(step);
    times.push((performance.now() - start) * 1000);
    rangesChanged.push(counter.take());
    duration = step.time;
    yield replayProgress(step, recording.stepCount);
  }
  const microseconds = Float64Array.from(times).sort();
  return { steps: times.length, microseconds, rangesChanged, duration };
}

/**
 * The value below which the part `share` of some ascending values lies; 0 of none.
 *
 * @example
 * ```ts
 * import { quantile } from 'flatview/recording';
 *
 * const ascending = [1, 2, 3, 4, 100];
 * quantile(ascending, 0.5); // => 3
 * quantile(ascending, 0.99); // => 100
 * quantile([], 0.5); // => 0
 * ```
 */
export function quantile(ascending: ArrayLike<number>, share: number): number {
  const index = Math.ceil(ascending.length * share) - 1;
  return ascending[Math.max(index, 0)] ?? 0;
}

class RangeCounter implements MemoryListener {
  #count = 0;

  regionAdd(): void {
    this.#count++;
  }

  regionDel(): void {
    this.#count++;
  }

  /** How many ranges came and went since the last call. */
  take(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }
}
