// What node:test tells of a file, as one outcome for each test in it.

import { inspect } from 'node:util';
import type { TestResult } from '../run-folder.js';

export type Outcome = Omit<TestResult, 'file'>;

/** What this file reads of the events of node:test: its types have one of their own for each kind of event. */
export interface RunnerEvent {
  readonly type: string;
  readonly data?: unknown;
}

interface TestData {
  readonly name: string;
  readonly nesting: number;
  readonly skip?: string | boolean;
  readonly details: {
    readonly duration_ms: number;
    readonly type?: string;
    readonly error?: Error & { readonly failureType?: string };
  };
}

/** The outcomes, with the suites that a test is in before its name. What the tests print goes to our own output. */
export async function* readOutcomes(events: AsyncIterable<RunnerEvent>): AsyncGenerator<Outcome> {
  const path: string[] = [];
  for await (const { type, data } of events) {
    if (type === 'test:start') {
      const { name, nesting } = data as TestData;
      path.splice(nesting, path.length, name);
    }
    if (type === 'test:stdout' || type === 'test:stderr') {
      process.stdout.write((data as { message: string }).message);
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const test = data as TestData;
    if (isSumOfOthers(test)) continue;
    yield outcomeOf(
      test,
      [...path.slice(0, test.nesting), test.name].join(' › '),
      type === 'test:pass',
    );
  }
}

/** A suite says of itself what its tests say already, and so does a file; of one that is skipped nobody else says anything. */
function isSumOfOthers({ skip, details: { type, error } }: TestData): boolean {
  if (error !== undefined) return error.failureType === 'subtestsFailed';
  return type === 'suite' && skip === undefined;
}

function outcomeOf({ skip, details }: TestData, name: string, passed: boolean): Outcome {
  const common = { name, milliseconds: Math.round(details.duration_ms) };
  if (skip !== undefined) return { ...common, outcome: 'skipped', why: String(skip) };
  if (passed) return { ...common, outcome: 'passed' };
  return { ...common, outcome: 'failed', why: inspect(details.error?.cause ?? details.error) };
}
