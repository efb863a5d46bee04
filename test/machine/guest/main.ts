// What runs inside of the machine: prepares the devices, runs the tests of the job, and writes down what became of each.

import { openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { allDone, runFile, type TestResult } from '../run-folder.js';
import { job } from './job.js';
import { readOutcomes } from './outcomes.js';

const tests = '/suite/dist/test';

/** Emulation is slow, and the host may be busy. */
const fileTimeout = 10 * 60_000;

const results = openSync(`/share/${runFile.results}`, 'a');

function report(result: TestResult | typeof allDone): void {
  writeSync(results, `${JSON.stringify(result)}\n`);
}

await import('./prepare.js');
for (const file of job.files) {
  const stream = run({ files: [path.join(tests, file)], timeout: fileTimeout });
  for await (const outcome of readOutcomes(stream)) report({ file, ...outcome });
}
report(allDone);
