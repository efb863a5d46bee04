import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { repository } from './compile-programs.js';
import { anchorsOf, linksOf } from './markdown-links.js';
import { pages as writtenPages } from './markdown-page.js';

const pages = [
  ...writtenPages,
  'test/corpus/README.md',
  ...readdirSync(path.join(repository, 'docs/api'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/api/${file}`),
];

const anchors = new Map(pages.map((page) => [page, anchorsOf(read(page))]));

suite('No link of the documents is dead', () => {
  for (const page of pages) {
    test(page, () => {
      const dead = linksOf(read(page)).filter(({ target }) => isDead(page, target));
      assert.deepEqual(
        dead.map(({ line, target }) => `${page}:${line}: ${target}`),
        [],
      );
    });
  }
});

suite('What GitHub makes of Markdown', () => {
  test('anchors of headings and of HTML', () => {
    const text = ['# A `b`: c_d!', '## Same', '## Same', '<a id="mine"></a>', '```', '# no', '```'];
    assert.deepEqual([...anchorsOf(text.join('\n'))], ['a-b-c_d', 'same', 'same-1', 'mine']);
  });

  test('links and images, but not code', () => {
    const text =
      'A [b](c.md#d) and ![e](f.svg "g")\n[`h`](#i) `[j](k)`\n```\n[l](m)\n```\n[n]: o.md';
    assert.deepEqual(linksOf(text), [
      { line: 1, target: 'c.md#d' },
      { line: 1, target: 'f.svg' },
      { line: 2, target: '#i' },
      { line: 6, target: 'o.md' },
    ]);
  });

  test('a dead link is found', () => {
    assert.equal(isDead('README.md', 'docs/nothing.md'), true);
    assert.equal(isDead('README.md', 'docs/architecture.md#nothing'), true);
    assert.equal(isDead('README.md', 'docs/architecture.md#the-picture'), false);
    assert.equal(isDead('docs/kvm.md', '../README.md'), false);
    assert.equal(isDead('README.md', 'https://example.org/#nothing'), false);
  });
});

function read(page: string): string {
  return readFileSync(path.join(repository, page), 'utf8');
}

/** Whether a link leads to no file, or to a place that a page doesn't have. What is elsewhere than here isn't asked. */
function isDead(page: string, target: string): boolean {
  if (/^[a-z]+:/.test(target)) return false;
  const [file = '', anchor] = target.split('#');
  const to = file === '' ? page : path.posix.join(path.posix.dirname(page), decodeURI(file));
  if (!existsSync(path.join(repository, to))) return true;
  if (anchor === undefined || statSync(path.join(repository, to)).isDirectory()) return false;
  return anchors.get(to)?.has(anchor) === false;
}
