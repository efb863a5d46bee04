// How many instructions a step is: valgrind counts them, so that the figure is the same whatever else the machine does.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Player } from './players/player.js';

/** The function that makes the steps to be counted, in each native player. */
const countedFunctions: { readonly [name: string]: string } = {
  engine: '*CountSteps*',
  qemu: 'count_steps',
};

/** Whether valgrind is there. */
export function canCountInstructions(): boolean {
  return spawnSync('valgrind', ['--version']).status === 0;
}

/**
 * The instructions of one step, on average over the first `steps` of a trace.
 *
 * @returns `undefined` for a player that valgrind can't run: JavaScript's compiled code isn't in any program's file.
 */
export function countInstructions(
  player: Player,
  trace: string,
  steps: number,
): number | undefined {
  const counted = countedFunctions[player.name];
  if (counted === undefined) return undefined;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-callgrind-'));
  const { stderr } = spawnSync(
    'valgrind',
    [
      '--tool=callgrind',
      `--callgrind-out-file=${path.join(folder, 'out')}`,
      '--collect-atstart=no',
      `--toggle-collect=${counted}`,
      ...[player.program, ...player.arguments, 'count', trace, String(steps)],
    ],
    { encoding: 'utf8' },
  );
  rmSync(folder, { recursive: true });
  const collected = /Collected : (\d+)/.exec(stderr)?.[1];
  if (collected === undefined) throw new Error(`valgrind ${player.name}:\n${stderr}`);
  return Number(collected) / steps;
}
