// Runs the compiled tests with Node's own test runner.
//
//   node test/run.mjs [PART...]      only files whose path under test/ contains one of the parts
//
// A file may take an hour, so that only what hangs is ended, however busy the machine is; FLATVIEW_TEST_MINUTES sets
// another limit.
//
// `node --test` takes a folder on some versions of Node and a glob on others; `run` takes files on all.
import { readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';

const compiled = path.resolve(import.meta.dirname, '../dist/test');
const parts = process.argv.slice(2);

// From the sources, so that what is left in dist/ of a test since renamed or deleted does not run.
const files = readdirSync(import.meta.dirname, { recursive: true })
  .filter((file) => file.endsWith('.test.ts') && !file.endsWith('.machine.test.ts'))
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .map((file) => path.join(compiled, file.replace(/\.ts$/, '.js')))
  .sort();

if (files.length === 0) {
  console.error(`No test under ${import.meta.dirname} matches: ${parts.join(', ')}`);
  process.exit(1);
}

const minutes = Number(process.env.FLATVIEW_TEST_MINUTES ?? 60);

// Every commit of every test is also rendered from scratch and compared.
process.env.FLATVIEW_SELF_CHECK ??= '1';

run({ files, concurrency: os.availableParallelism(), timeout: minutes * 60_000 })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(new Spec())
  .pipe(process.stdout);
