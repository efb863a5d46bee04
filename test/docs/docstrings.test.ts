import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { compilePrograms, repository } from './compile-programs.js';
import { type SymbolNames, symbolsWithoutExample } from './coverage.js';
import { docstringPrograms } from './docstring-programs.js';
import { runPrograms } from './run-here.js';

const compilation = compilePrograms(docstringPrograms());

runPrograms('The programs in docstrings run', compilation.programs);

suite('What is exported has an example', () => {
  // It may only shrink, and is to go.
  const file = 'test/docs/without-example.json';
  const known = JSON.parse(readFileSync(path.join(repository, file), 'utf8')) as SymbolNames;
  const without = symbolsWithoutExample(compilation);

  for (const entryPoint of compilation.entryPoints.keys()) {
    test(entryPoint, () => {
      const [before, now] = [known, without].map((it) => new Set(it[entryPoint] ?? []));
      const lacking = [...now!].filter((name) => !before!.has(name));
      const done = [...before!].filter((name) => !now!.has(name));
      assert.equal(lacking.length, 0, `need an @example that names them: ${lacking.join(', ')}`);
      assert.equal(
        done.length,
        0,
        `have one, or are gone; delete from ${file}: ${done.join(', ')}`,
      );
    });
  }
});
