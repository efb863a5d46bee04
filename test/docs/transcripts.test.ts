// What the documentation shows of the command line is what the command prints.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { noKvm } from '../kvm/real-mode-guest.js';
import { pages } from './markdown-page.js';
import { pageTranscripts } from './page-transcripts.js';
import { commandOutput } from './run-command.js';
import { assertShown } from './shown-output.js';

suite('The commands in the documents', () => {
  const transcripts = pages.flatMap(pageTranscripts);
  for (const { page, line, args, shown, numbersVary } of transcripts) {
    const skip = args[0] === 'demo' && noKvm;
    test(`${page}:${line}: flatview ${args.join(' ')}`, { skip }, async () => {
      assertShown(await commandOutput(args), shown, numbersVary);
    });
  }

  test('are run on many dumps, recordings and machines', (context) => {
    context.diagnostic(`${transcripts.length} commands`);
    const inputs = new Set(
      transcripts.flatMap(({ args }) => args.filter((arg) => /\w\/\w/.test(arg))),
    );
    assert.ok(inputs.size > 10);
  });
});
