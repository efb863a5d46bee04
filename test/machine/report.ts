// What came of a run, from the files that the guest left.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { allDone, runFile, type TestResult } from './run-folder.js';

/** What came of a run. */
export interface Report {
  readonly results: readonly TestResult[];
  /** What went wrong besides tests that failed. */
  readonly problems: readonly string[];
}

/** Whether all is well. */
export function hasPassed({ results, problems }: Report): boolean {
  return problems.length === 0 && results.every(({ outcome }) => outcome !== 'failed');
}

/**
 * Reads the folder `share` of a run of `files`. `failure` is why the machine didn't come to its end: then that the results are not
 * whole is no news.
 */
export function readReport(share: string, files: readonly string[], failure?: string): Report {
  const { results, isWhole } = readResults(share);
  const silent = files.filter((file) => results.every((it) => it.file !== file));
  const problems = [
    ...(failure === undefined ? [] : [failure]),
    ...(failure === undefined && !isWhole
      ? [`The suite broke off:\n${textOf(share, runFile.output)}`]
      : []),
    ...silent.map((file) => `${file}: no test has run`),
    ...complaintsOfKernel(textOf(share, runFile.kernelLog)),
  ];
  return { results, problems };
}

function readResults(share: string): { results: TestResult[]; isWhole: boolean } {
  // The last line has an end, too, unless the machine was stopped within it.
  const lines = textOf(share, runFile.results).split('\n').slice(0, -1);
  const values: (TestResult | typeof allDone)[] = lines.map((line) => JSON.parse(line));
  const results = values.filter((it) => it !== allDone);
  return { results, isWhole: values.at(-1) === allDone };
}

function textOf(share: string, name: string): string {
  const file = path.join(share, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** What a kernel says when something is wrong with it. */
function complaintsOfKernel(log: string): string[] {
  const complaint = /\b(BUG|WARNING|Oops): |general protection fault|Kernel panic|blocked for more/;
  const lines = log.split('\n').filter((line) => complaint.test(line));
  return lines.map((line) => `The kernel's log: ${line}`);
}
