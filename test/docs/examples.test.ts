import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { noKvm } from '../kvm/real-mode-guest.js';
import { compilePrograms } from './compile-programs.js';
import { pages } from './markdown-page.js';
import { pagePrograms, partEnd } from './page-programs.js';
import { runApart } from './run-apart.js';
import { assertShown } from './shown-output.js';

const programs = pages.flatMap(pagePrograms);
const compilation = compilePrograms(programs);

suite('The programs in the documents', () => {
  for (const [i, { name, needs, runs, outputs }] of programs.entries()) {
    const { mistakes = [], javascript = '' } = compilation.programs[i] ?? {};

    test(`${name} compiles under the project's settings`, () => {
      assert.equal(mistakes.join('\n'), '');
    });

    if (!runs) continue;
    const skip = needs.includes('kvm') && noKvm;
    test(`${name} prints what the page shows`, { skip }, async () => {
      const { status, stdout, stderr } = await runApart(javascript);
      assert.equal(status, 0, stderr);
      const printed = stdout.split(partEnd);
      assert.equal(printed.length, outputs.length);
      for (const [part, output = ''] of outputs.entries()) {
        assertShown(printed[part] ?? '', output);
      }
    });
  }

  test('are counted', (context) => {
    const run = programs.filter(({ runs }) => runs).length;
    context.diagnostic(`${run} programs run, ${programs.length - run} are compiled only`);
    assert.ok(programs.length - run <= 2);
  });
});
