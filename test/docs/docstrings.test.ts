import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compilePrograms } from './compile-programs.js';
import { symbolsWithoutExample } from './coverage.js';
import { docstringPrograms } from './docstring-programs.js';
import { runPrograms } from './run-here.js';

const compilation = compilePrograms(docstringPrograms());

runPrograms('The programs in docstrings run', compilation.programs);

suite('What is exported has an example', () => {
  const without = symbolsWithoutExample(compilation);

  for (const entryPoint of compilation.entryPoints.keys()) {
    test(entryPoint, () => assert.deepEqual(without[entryPoint] ?? [], []));
  }
});
