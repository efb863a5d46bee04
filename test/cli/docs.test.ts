// What the documentation shows of the command line is what the command prints.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe as suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { flatview } from './command.js';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const pages = [
  'README.md',
  'docs/command-line.md',
  'docs/lint.md',
  'docs/map.md',
  'docs/recording.md',
];

/** The console blocks of a page: a command and what it prints, where `...` stands for any lines. */
function consoleBlocks(page: string): { readonly args: string[]; readonly shown: string }[] {
  const text = readFileSync(`${repository}${page}`, 'utf8');
  const blocks = text.matchAll(/^```console\n\$ npx flatview (.*)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, command = '', shown = '']) => ({ args: command.split(' '), shown }));
}

function asPattern(shown: string): RegExp {
  const parts = shown.split(/^\.\.\.\n/m);
  const literal = parts.map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${literal.join('(?:.*\\n)*?')}$`);
}

suite('the documentation of the command line', () => {
  for (const page of pages) {
    for (const { args, shown } of consoleBlocks(page)) {
      test(`${page}: flatview ${args.join(' ')}`, async () => {
        const inRepository = args.map((arg) =>
          arg.replace(
            /^(?:test\/corpus|examples\/dumps|examples\/recordings)\//,
            `${repository}$&`,
          ),
        );
        const { stdout } = await flatview(inRepository);
        assert.match(`${stdout.trimEnd()}\n`, asPattern(shown));
      });
    }
  }

  test('shows something of three dumps', () => {
    const dumps = consoleBlocks('docs/command-line.md').flatMap(({ args }) => args);
    const files = new Set(dumps.filter((arg) => arg.startsWith('test/corpus/')));
    assert.equal(files.size, 3);
  });
});
