// What the documentation shows of the command line is what the command prints.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { flatview } from '../cli/command.js';
import { noKvm } from '../kvm/real-mode-guest.js';
import { fencedBlocks, pages } from './markdown-page.js';
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

/** The lines of a shell in a page that call the command, without comments, pipes and files. */
function shellCommands(page: string): string[] {
  return fencedBlocks(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'))
    .flatMap((line) => /^npx flatview ([^#|>]*)/.exec(line)?.[1]?.trim() ?? []);
}

suite('The commands in the documents that are shown without output', () => {
  for (const page of pages) {
    for (const command of shellCommands(page)) {
      test(`${page}: flatview ${command} is one, with these options`, async () => {
        const [name = '', ...args] = command.split(' ');
        const { status, stdout } = await flatview([name, '--help']);
        assert.equal(status, 0);
        assert.match(stdout, new RegExp(`^Usage: flatview ${name} `));
        for (const arg of args) if (arg.startsWith('-')) assert.ok(stdout.includes(arg), arg);
      });
    }
  }
});
