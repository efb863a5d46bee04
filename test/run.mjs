// Runs the compiled tests, dist/test/**/*.test.js, with Node's own test runner.
//
//   node test/run.mjs [PART...]      only files whose path contains one of the parts
//
// `node --test` takes a folder on some versions of Node and a glob on others; `run` takes files on all.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const compiled = fileURLToPath(new URL('../dist/test/', import.meta.url));
const parts = process.argv.slice(2);

const files = readdirSync(compiled, { recursive: true })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
  .map((file) => path.join(compiled, file))
  .sort();

if (files.length === 0) {
  console.error(
    `No test file${parts.length > 0 ? ` matches ${parts.join(', ')}` : ''} in ${compiled}`,
  );
  process.exit(1);
}

run({ files, concurrency: true })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(spec)
  .pipe(process.stdout);
