// Checks that docs/api/ is what `npm run docs:api` makes of the docstrings, and that TypeDoc finds nothing missing in them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const repository = path.resolve(import.meta.dirname, '..');

const fresh = mkdtempSync(path.join(os.tmpdir(), 'flatview-api-'));
try {
  const typedoc = path.join(repository, 'node_modules/.bin/typedoc');
  const options = ['--out', fresh, '--logLevel', 'Warn'];
  const { status } = spawnSync(typedoc, options, { cwd: repository, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
  else reportDifferences(pagesOf(path.join(repository, 'docs/api')), pagesOf(fresh));
} finally {
  rmSync(fresh, { recursive: true });
}

/** Each page of a folder with what it says. */
function pagesOf(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.md'));
  return new Map(files.map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]));
}

function reportDifferences(committed, made) {
  const names = new Set([...committed.keys(), ...made.keys()]);
  for (const name of [...names].sort()) {
    if (committed.get(name) === made.get(name)) continue;
    console.error(`docs/api/${name} is not what the docstrings say: npm run docs:api`);
    process.exitCode = 1;
  }
}
