// What is printed in the end: a table of tests by machine, what was skipped and why, what failed, and one line with the sums.

import { markdownTable } from 'markdown-table';
import { machineName } from './machine.js';
import { hasPassed } from './report.js';
import type { TestResult } from './run-folder.js';
import type { MachineRun } from './run-machine.js';

export function summary(runs: readonly MachineRun[]): string {
  return [
    tableOfTests(runs),
    ...runs.flatMap(reasonsOfSkips),
    ...runs.flatMap(failures),
    sums(runs.flatMap(({ results }) => results)),
  ].join('\n\n');
}

function tableOfTests(runs: readonly MachineRun[]): string {
  const files = new Set(runs.flatMap(({ results }) => results.map(({ file }) => file)));
  return markdownTable([
    ['', ...runs.map(({ machine }) => machineName(machine))],
    ['kernel', ...runs.map(({ kernel }) => kernel.release)],
    ['Debian package', ...runs.map(({ kernel }) => kernel.version)],
    ...[...files].map((file) => [file.replace(/\.js$/, ''), ...runs.map((it) => cell(it, file))]),
    ['wall time', ...runs.map(({ seconds }) => `${Math.round(seconds)} s`)],
    ['', ...runs.map((it) => (hasPassed(it) ? 'passed' : 'FAILED'))],
  ]);
}

function cell({ results }: MachineRun, file: string): string {
  return counted(results.filter((it) => it.file === file));
}

/** Such as `24, 1 failed, 2 skipped`. */
function counted(results: readonly TestResult[]): string {
  const [passed, failed, skipped] = countsOf(results);
  if (results.length === 0) return '';
  return [
    String(passed),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
  ].join(', ');
}

function reasonsOfSkips({ machine, results }: MachineRun): string[] {
  const skipped = results.filter(({ outcome }) => outcome === 'skipped');
  const lines = skipped.map(({ file, name, why }) => `  ${file}: ${name}: ${why}`);
  return lines.length === 0 ? [] : [[`Skipped in ${machineName(machine)}:`, ...lines].join('\n')];
}

function failures({ machine, results, problems }: MachineRun): string[] {
  const failed = results.filter(({ outcome }) => outcome === 'failed');
  const texts = [...problems, ...failed.map(({ file, name, why }) => `${file}: ${name}\n${why}`)];
  return texts.map((text) => `FAILED in ${machineName(machine)}: ${text}`);
}

function sums(results: readonly TestResult[]): string {
  const [passed, failed, skipped] = countsOf(results);
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function countsOf(
  results: readonly TestResult[],
): [passed: number, failed: number, skipped: number] {
  const count = (outcome: TestResult['outcome']) =>
    results.filter((it) => it.outcome === outcome).length;
  return [count('passed'), count('failed'), count('skipped')];
}
