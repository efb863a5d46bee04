// Chooses what to measure and who plays, and measures it.

import { countInstructions } from './instructions.js';
import { type CaseResult, type Effort, measure, withTrace } from './measure.js';
import { flatviewPlayer, type Player, qemuPlayer } from './players/player.js';
import { type Case, scenarios } from './scenarios.js';
import type { TraceFiles } from './turn.js';

/** What is asked for on the command line. */
export interface Choice {
  /** Names of scenarios; all if there are none. */
  readonly only: readonly string[];
  /** Sizes, as numbers or as they are printed; all if there are none. */
  readonly sizes: readonly string[];
  readonly isQuick: boolean;
  readonly withQemu: boolean;
  /** Whether our engine is measured alone, too, and not only where it is compared with QEMU. */
  readonly withEngine: boolean;
  readonly withInstructions: boolean;
  readonly effort: Effort;
}

/** The cases that were chosen. */
export function chosenCases(choice: Choice): Case[] {
  return scenarios.flatMap(({ cases }) => cases.filter((it) => isChosen(it, choice)));
}

function isChosen(
  { scenario, size, sizeText, isQuick }: Case,
  { only, sizes, isQuick: onlyQuick }: Choice,
): boolean {
  if (only.length > 0 && !only.includes(scenario)) return false;
  if (sizes.length > 0) return sizes.includes(String(size)) || sizes.includes(sizeText);
  return isQuick || !onlyQuick;
}

/**
 * Measures one case.
 *
 * @param engine Our engine alone, if it was built.
 */
export function runCase(it: Case, engine: Player | undefined, choice: Choice): CaseResult {
  return withTrace(it, (files) => {
    const result = measure(it, playersOf(it, engine, choice), choice.effort, files);
    if (!choice.withInstructions || it.measure !== 'steps' || it.qemu !== 'stock') return result;
    const counted = [engine, choice.withQemu ? qemuPlayer(false) : undefined];
    return { ...result, instructions: instructionsOf(it, counted, files) };
  });
}

/** Who plays a case: we always do, the others where they are built and wanted. */
function playersOf({ measure: how, qemu }: Case, engine: Player | undefined, choice: Choice) {
  const wantsEngine = how === 'lookups' || (choice.withEngine && how !== 'memory');
  const players = [
    flatviewPlayer,
    wantsEngine ? engine : undefined,
    choice.withQemu && qemu !== 'skipped' ? qemuPlayer(qemu !== 'stock') : undefined,
  ];
  return players.filter((player) => player !== undefined);
}

function instructionsOf(
  { size }: Case,
  players: readonly (Player | undefined)[],
  { trace }: TraceFiles,
): NonNullable<CaseResult['instructions']> {
  const counts = players.flatMap((player) => {
    if (player === undefined) return [];
    const steps = player.name === 'engine' ? 256 : size > 100 ? 4 : 32;
    return [[player.name, countInstructions(player, trace, steps)]];
  });
  return Object.fromEntries(counts) as NonNullable<CaseResult['instructions']>;
}
