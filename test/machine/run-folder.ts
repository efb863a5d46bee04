// The folder of one run, which the guest sees as /share: what each file in it is called, and what it says.

import type { Machine } from './machine.js';

export const runFile = {
  /** What the guest is to do: {@link Job}. */
  job: 'job.json',
  /** There from the moment when the guest's own programs run. */
  booted: 'booted',
  /** A line of JSON for each test that ended: {@link TestResult}; the last line is {@link allDone}. */
  results: 'results.jsonl',
  /** What the tests and the program that runs them wrote otherwise. */
  output: 'output.log',
  kernelLog: 'kernel.log',
  /** QEMU's trace of the accesses that reach devices. Who reads it inside sees it grow. */
  trace: 'trace.log',
  console: 'console.log',
} as const;

export interface Job extends Machine {
  /** As `uname -r` is to say it. */
  readonly release: string;
  /** Compiled tests, below dist/test. */
  readonly files: readonly string[];
}

/** What became of one test. */
export interface TestResult {
  readonly file: string;
  /** With the suites that it is in before it. */
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped. */
  readonly why?: string;
  readonly milliseconds: number;
}

export const allDone = 'done';
