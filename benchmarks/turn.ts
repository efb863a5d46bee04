// One measurement: one player, one process.

import { type Mode, type Player, play } from './players/player.js';
import type { Measure } from './scenarios.js';

/** How long measurements take. */
export interface Duration {
  /** CPU time before measuring, in which JavaScript is compiled. What is compiled already only fills its caches. */
  readonly warmUpNs: number;
  /** How long a measurement is at least. */
  readonly minimumNs: number;
  /** How long a trace that is made once may take; of a longer one a part is made, and the rest is computed. */
  readonly maximumNs: number;
}

/** What is played. */
export interface TraceFiles {
  readonly trace: string;
  /** How many steps the trace has. */
  readonly steps: number;
  /** Whether a part of the steps can stand for all. */
  readonly isUniform: boolean;
  /** A trace that makes next to nothing. */
  readonly smallest: string;
  /** What the memory of a trace is divided by. */
  readonly size: number;
}

/** What a measurement says. */
export interface Turn {
  /** Nanoseconds, or bytes. */
  readonly cost: number;
  /** Nanoseconds of all threads, so that what others do later counts, too. */
  readonly cpu?: number;
  /** How many steps were made. */
  readonly steps?: number;
  readonly residentBytes?: number;
  /** Stands for all that was found. */
  readonly checksum?: number;
}

/** What players print. */
interface Report {
  readonly steps: number;
  readonly lookups: number;
  readonly wallNs: number;
  readonly cpuNs: number;
  readonly residentBytes: number;
  readonly checksum: number;
}

/** How often a trace is made before it is measured again. */
const earlierTimes = 20;

const unlimitedNs = 1e15;

type Taker = (player: Player, files: TraceFiles, duration: Duration) => Turn;

/** Lets `player` have its turn. */
export function takeTurn(
  measure: Measure,
  player: Player,
  files: TraceFiles,
  duration: Duration,
): Turn {
  return takers[measure](player, files, duration);
}

const takers: { readonly [M in Measure]: Taker } = {
  steps: (player, { trace }, duration) => {
    const report = ask(player, 'time', trace, [warmUpOf(player, duration), duration.minimumNs]);
    return each(report, 1 / report.steps);
  },
  whole: (player, files, duration) => makeOnce(player, files, duration, 0),
  again: (player, files, duration) => makeOnce(player, files, duration, earlierTimes),
  lookups: (player, { trace }, duration) => {
    const report = ask(player, 'lookup', trace, [warmUpOf(player, duration), duration.minimumNs]);
    const { wallNs, cpuNs, lookups, checksum } = report;
    return { cost: wallNs / lookups, cpu: cpuNs / lookups, checksum };
  },
  memory: (player, { trace, smallest, size }) => {
    const [all, nothing] = [trace, smallest].map((file) => ask(player, 'memory', file));
    return { cost: ((all?.residentBytes ?? 0) - (nothing?.residentBytes ?? 0)) / size };
  },
};

function warmUpOf({ name }: Player, { warmUpNs }: Duration): number {
  return name === 'flatview' ? warmUpNs : warmUpNs / 10;
}

function makeOnce(
  player: Player,
  { trace, steps, isUniform }: TraceFiles,
  { maximumNs }: Duration,
  times: number,
): Turn {
  const report = ask(player, 'once', trace, [isUniform ? maximumNs : unlimitedNs, times]);
  return each(report, steps / report.steps);
}

function each({ steps, wallNs, cpuNs, residentBytes }: Report, factor: number): Turn {
  return { cost: wallNs * factor, cpu: cpuNs * factor, steps, residentBytes };
}

function ask(player: Player, mode: Mode, trace: string, numbers: readonly number[] = []): Report {
  return JSON.parse(play(player, mode, trace, numbers).toString()) as Report;
}
