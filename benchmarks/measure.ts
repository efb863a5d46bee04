// Measures one case: the players take turns, each turn in a new process.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { assertAgreement, stepsToCheck } from './agreement.js';
import type { Player, PlayerName } from './players/player.js';
import { type Case, smallestTrace } from './scenarios.js';
import { type Statistics, statistics } from './statistics.js';
import { writeTrace } from './trace/trace.js';
import { type Duration, type TraceFiles, type Turn, takeTurn } from './turn.js';

/** How thoroughly to measure. */
export interface Effort extends Duration {
  /** How often each player has its turn. */
  readonly trials: number;
}

/** What one player's turns say, in nanoseconds or bytes of whatever the scenario counts. */
export interface SideResult {
  readonly cost: Statistics;
  readonly cpu?: Statistics;
  /** Of a trace that was made only in part: how many of its steps were. */
  readonly sampledSteps?: number;
  /** The largest size in memory that a turn ended with. */
  readonly residentBytes?: number;
}

/** One line of the results. */
export interface CaseResult {
  readonly scenario: string;
  readonly size: number;
  readonly sizeText: string;
  readonly listeners: number;
  /** QEMU could do it only without its limit of sections. */
  readonly isQemuRelaxed: boolean;
  readonly sides: { readonly [P in PlayerName]?: SideResult };
  /** How many instructions one step is. */
  readonly instructions?: { readonly [P in PlayerName]?: number };
}

/** Of what takes seconds, one step is enough. */
const slow: Duration & { readonly trials: number } = {
  warmUpNs: 0,
  minimumNs: 1,
  maximumNs: 1,
  trials: 1,
};

/** Calls `body` with the case's trace in files, which are gone afterwards. */
export function withTrace<T>(measured: Case, body: (files: TraceFiles) => T): T {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-benchmark-'));
  const trace = path.join(folder, 'case.trace');
  const smallest = path.join(folder, 'smallest.trace');
  try {
    const all = measured.trace();
    writeTrace(trace, all);
    writeTrace(smallest, smallestTrace());
    const { size, isUniform } = measured;
    return body({ trace, smallest, steps: all.steps.length, size, isUniform });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Compares what the players show, and then what it costs them. */
export function measure(
  measured: Case,
  players: readonly Player[],
  effort: Effort,
  files: TraceFiles,
): CaseResult {
  assertAgreement(players, files.trace, stepsToCheck(measured, files.steps));
  const turns = takeTurns(measured, players, effort, files);
  assertSameChecksum([...turns.values()].flat());
  const { scenario, size, sizeText, listeners, qemu } = measured;
  const sides = [...turns].map(([{ name }, taken]) => [name, summary(measured, taken, files)]);
  const isQemuRelaxed = qemu !== 'stock';
  return {
    scenario,
    size,
    sizeText,
    listeners,
    isQemuRelaxed,
    sides: Object.fromEntries(sides) as CaseResult['sides'],
  };
}

function takeTurns(
  measured: Case,
  players: readonly Player[],
  effort: Effort,
  files: TraceFiles,
): Map<Player, Turn[]> {
  const turns = new Map<Player, Turn[]>(players.map((player) => [player, []]));
  for (let trial = 0; trial < effort.trials; trial++) {
    for (const [player, taken] of turns) {
      const own = player.name === 'qemu' && measured.qemu === 'slow' ? slow : effort;
      if (trial < own.trials) taken.push(takeTurn(measured.measure, player, files, own));
    }
  }
  return turns;
}

function summary(measured: Case, turns: readonly Turn[], { steps }: TraceFiles): SideResult {
  const cpu = turns.flatMap((turn) => turn.cpu ?? []);
  const resident = turns.flatMap((turn) => turn.residentBytes ?? []);
  const made = Math.min(...turns.map((turn) => turn.steps ?? steps));
  return {
    cost: statistics(turns.map(({ cost }) => cost)),
    ...(cpu.length > 0 ? { cpu: statistics(cpu) } : {}),
    ...(resident.length > 0 ? { residentBytes: Math.max(...resident) } : {}),
    ...(measured.isUniform && made < steps ? { sampledSteps: made } : {}),
  };
}

/** @throws if lookups of two players found different things. */
function assertSameChecksum(turns: readonly Turn[]): void {
  if (new Set(turns.map(({ checksum }) => checksum)).size > 1) {
    throw new Error('lookups find different things');
  }
}
