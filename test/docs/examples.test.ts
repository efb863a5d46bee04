import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';

const root = path.resolve(import.meta.dirname, '../../..');
const command = path.join(root, 'dist/lib/cli/main.js');

const documents = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** The fenced blocks of a document in a language. */
function blocks(document: string, language: string): string[] {
  const text = readFileSync(path.join(root, document), 'utf8');
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
  return [...text.matchAll(fence)].map(([, body]) => body ?? '');
}

/** Commands of the shell and what they print, as a block shows them: `$ npx flatview ...`, then the output. */
function sessions(block: string): { line: string; output: string }[] {
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((session) => {
      const [line = '', ...output] = session.split('\n');
      return { line, output: output.join('\n').trimEnd() };
    });
}

suite('The documents tell the truth', () => {
  for (const document of documents) {
    for (const { line, output } of blocks(document, 'console').flatMap(sessions)) {
      test(`${document}: ${line}`, () => {
        assert.match(line, /^npx flatview /);
        const shell = line.replace('npx flatview', `'${process.execPath}' '${command}'`);
        const { stdout, stderr } = spawnSync('bash', ['-c', shell], {
          cwd: root,
          encoding: 'utf8',
        });
        assert.equal(`${stdout}${stderr}`.trimEnd(), output);
      });
    }
    for (const [i, program] of blocks(document, 'ts').entries()) {
      test(`${document}: program ${i + 1} runs`, () => {
        const folder = mkdtempSync(path.join(root, 'dist/example-'));
        try {
          const file = path.join(folder, 'example.mjs');
          writeFileSync(file, program);
          execFileSync(process.execPath, [file], { cwd: root });
        } finally {
          rmSync(folder, { recursive: true });
        }
      });
    }
  }
});
