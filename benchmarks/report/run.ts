// All that one run of the benchmarks found, as it is kept in results/.

import { execFileSync } from 'node:child_process';
import os from 'node:os';
import type { CaseResult } from '../measure.js';
import { qemuVersion } from '../players/player.js';

/** Where and with what a run was made. */
export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  /** The commit of this repository, and whether the files differ from it. */
  readonly flatview: string;
  /** `undefined`: not built. */
  readonly qemu?: string;
}

export interface Run {
  /** When it began, ISO 8601. */
  readonly date: string;
  readonly isQuick: boolean;
  /** How often each player had its turn. */
  readonly trials: number;
  readonly machine: Machine;
  /** How busy the machine was meanwhile: runnable processes, averaged over 15 minutes, when the run ended. */
  readonly loadAverage: number;
  readonly cases: readonly CaseResult[];
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const [cpu] = os.cpus();
  const qemu = qemuVersion();
  return {
    cpu: cpu?.model ?? 'unknown',
    cpus: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.machine()}`,
    node: process.version,
    flatview: describeSource(),
    ...(qemu === undefined ? {} : { qemu }),
  };
}

function describeSource(): string {
  try {
    const given = ['describe', '--always', '--dirty'];
    return execFileSync('git', given, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown'; // not a clone
  }
}
