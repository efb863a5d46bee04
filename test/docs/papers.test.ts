// What the pages say of the code as lists and tables, compared with the code.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { buildTopology, errorCodes, readTopologyJson } from '../../lib/index.js';
import { refusalCodes } from '../../lib/mapping/index.js';
import { lintRuleIds } from '../../lib/mtree/lint/rules.js';
import { recordingVersion } from '../../lib/mtree/recording/recorded-step.js';
import { barVerdictCodes, undecodedReasons } from '../../lib/pci/index.js';
import { repository } from './compile-programs.js';
import { fencedBlocks, pages } from './markdown-page.js';

const textOf = (page: string) => readFileSync(path.join(repository, page), 'utf8');
const packageJson = JSON.parse(textOf('package.json')) as {
  version: string;
  exports: Record<string, unknown>;
};

/** The part of a page below a heading. */
function section(page: string, heading: string): string {
  const [, text] = textOf(page).split(new RegExp(`^#+ ${heading}$`, 'm'));
  assert.ok(text !== undefined, `${page} has no heading "${heading}"`);
  return text.split(/^#+ /m)[0] ?? '';
}

/** The rows of a table with what is in their cells. */
function rows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The words in backquotes that the first cells of a table have. */
function firstCells(text: string): string[] {
  return rows(text)
    .flatMap(([first = '']) => [...first.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word))
    .sort();
}

suite('docs/codes.md has every code, with its meaning', () => {
  const tables = {
    Errors: errorCodes,
    "Why something isn't mapped": refusalCodes,
    "Why a byte of a device isn't mapped": barVerdictCodes,
  };
  for (const [heading, codes] of Object.entries(tables)) {
    test(heading, () => {
      const shown = rows(section('docs/codes.md', heading)).map(([code = '', meaning]) => [
        code.replaceAll('`', ''),
        meaning,
      ]);
      assert.deepEqual(Object.fromEntries(shown), codes);
    });
  }
});

suite('Other pages have every', () => {
  test('reason for which a BAR decodes nowhere', () => {
    assert.deepEqual(
      firstCells(section('docs/pci.md', 'Where a BAR decodes')),
      Object.keys(undecodedReasons).sort(),
    );
  });

  test('kind of hazard that lint finds', () => {
    assert.deepEqual(
      firstCells(section('docs/lint.md', '`flatview lint INPUT`')).filter(
        (it) => !it.startsWith('--'),
      ),
      [...lintRuleIds].sort(),
    );
  });

  test('entry point of the package', () => {
    const [row = ''] =
      textOf('docs/versioning.md').match(/^\| what the entry points export .*$/m) ?? [];
    const shown = [...row.matchAll(/`(flatview[^`]*)`/g)].map(([, name]) => name);
    const names = Object.keys(packageJson.exports).filter((name) => name !== './package.json');
    assert.deepEqual(shown, names.map((name) => path.posix.join('flatview', name)).sort());
  });

  test('page, in the table of contents', () => {
    const contents = textOf('docs/README.md');
    for (const page of pages) {
      if (['README.md', 'docs/README.md'].includes(page)) continue;
      assert.ok(contents.includes(`(${path.posix.relative('docs', page)})`), page);
    }
  });
});

test('The changelog has the version of the package, and what comes after it', () => {
  const headings = [...textOf('CHANGELOG.md').matchAll(/^## (\S+)/gm)].map(
    ([, version]) => version,
  );
  assert.deepEqual(headings.slice(0, 2), ['Unreleased', packageJson.version]);
});

test('docs/versioning.md says which version of recordings is written', () => {
  assert.match(
    textOf('docs/versioning.md'),
    new RegExp(`says its version, now ${recordingVersion} `),
  );
});

suite('The JSON in the documents is a topology', () => {
  for (const page of pages) {
    for (const { language, text, line } of fencedBlocks(page)) {
      if (language !== 'json') continue;
      test(`${page}:${line}`, () => {
        const { addressSpaces } = buildTopology(readTopologyJson(text));
        assert.ok(addressSpaces.every(({ flatView }) => flatView.rangeCount > 0));
      });
    }
  }
});

test("README's times are figures that the pages on measuring have", () => {
  const measured = ['docs/benchmarks.md', 'docs/vcpus.md'].map(textOf).join('\n');
  const times = [...textOf('README.md').matchAll(/([\d.]+(?: to [\d.]+)?) ([µmn]s)\b/g)];
  assert.ok(times.length >= 8);
  for (const [, numbers = '', unit = ''] of times) {
    for (const number of numbers.split(' to ')) {
      assert.ok(measured.includes(`${number} ${unit}`), `nobody has measured ${number} ${unit}`);
    }
  }
});
