import { type Player, play } from './players/player.js';
import type { Case } from './scenarios.js';

/** About so many ranges are printed for a comparison. */
const maxRanges = 60_000;
const maxSteps = 100;

/** How many of a case's steps are compared: all of a boot's, but few where each shows very much. */
export function stepsToCheck({ ranges, measure, qemu }: Case, steps: number): number {
  if (qemu === 'slow') return Math.min(1, steps);
  const affordable = Math.max(2, Math.floor(maxRanges / ranges));
  const wanted =
    measure === 'whole' || measure === 'again' ? affordable * 10 : Math.min(affordable, maxSteps);
  return Math.min(steps, wanted);
}

/**
 * Has every player print what the trace shows after building and after each of the first steps, and what listeners
 * heard. Nothing that differs is worth timing.
 *
 * @throws if something differs: where.
 */
export function assertAgreement(players: readonly Player[], trace: string, steps: number): void {
  const [first, ...others] = players.map((player) => ({
    player,
    lines: play(player, 'check', trace, [steps]).toString().split('\n'),
  }));
  for (const { player, lines } of others) {
    if (first === undefined) return;
    const expected = player.name === 'engine' ? first.lines.filter(isNoListener) : first.lines;
    const wrong = firstDifference(expected, lines);
    if (wrong === undefined) continue;
    throw new Error(
      `${first.player.name} and ${player.name} differ in line ${wrong + 1}:\n` +
        `  ${expected[wrong]}\n  ${lines[wrong]}`,
    );
  }
}

/** The engine alone has no listeners. */
function isNoListener(line: string): boolean {
  return !line.startsWith('listener');
}

function firstDifference(a: readonly string[], b: readonly string[]): number | undefined {
  const length = Math.max(a.length, b.length);
  for (let line = 0; line < length; line++) if (a[line] !== b[line]) return line;
  return undefined;
}
