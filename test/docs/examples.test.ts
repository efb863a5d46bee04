import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { noKvm } from '../kvm/real-mode-guest.js';
import { compilePrograms } from './compile-programs.js';
import { pages } from './markdown-page.js';
import { pagePrograms, partEnd } from './page-programs.js';
import { runApart } from './run-apart.js';
import { assertShown } from './shown-output.js';

const shown = pages.flatMap(pagePrograms);
const programs = shown.filter(({ treatment }) => treatment !== 'fragment');
const compilation = compilePrograms(programs);

suite('The programs in the documents', () => {
  for (const [i, { name, needs, treatment, outputs }] of programs.entries()) {
    const { mistakes = [], javascript = '' } = compilation.programs[i] ?? {};

    test(`${name} compiles under the project's settings`, () => {
      assert.equal(mistakes.join('\n'), '');
    });

    if (treatment === 'no-run') continue;
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
    const count = (wanted: string) => shown.filter((one) => one.treatment === wanted).length;
    context.diagnostic(
      `${count('run')} programs run, ${count('no-run')} are compiled only, ${count('fragment')} are fragments`,
    );
    assert.ok(count('run') > count('no-run') + count('fragment'));
  });
});
