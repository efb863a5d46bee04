import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { flatview } from './command.js';

const dumps = fileURLToPath(new URL('../../../examples/dumps/', import.meta.url));
const rtl8168 = `${dumps}q35-rtl8168.txt.gz`;
const shared = `${dumps}virt-64k-shared.txt.gz`;
const apart = `${dumps}virt-64k-apart.txt.gz`;

suite('flatview lint', () => {
  test('answers no where something is as bad as the level', async () => {
    const { status, stdout } = await flatview(['lint', rtl8168]);
    assert.equal(status, 1);
    assert.match(stdout, /^warning: split-page: /);
    assert.match(stdout, /^ {2}00000000febd6000-00000000febd6fff in "memory" and 8 more$/m);
    assert.match(stdout, /^1 warning, 4 notes \(--level note shows them\)/m);
    assert.ok(stdout.split('\n').every((line) => line.length <= 100));
    assert.equal((await flatview(['lint', '--level', 'error', rtl8168])).status, 0);
    assert.equal((await flatview(['lint', `${dumps}pc-i440fx.txt.gz`])).status, 0);
    assert.equal(
      (await flatview(['lint', '--level', 'note', `${dumps}pc-i440fx.txt.gz`])).status,
      1,
    );
  });

  test('looks as on a host with larger pages', async () => {
    assert.equal((await flatview(['lint', shared])).status, 0);
    const { status, stdout } = await flatview(['lint', '--page-size', '64K', shared]);
    assert.equal(status, 1);
    assert.match(stdout, /^warning: shared-page/m);
    assert.match(stdout, /^warning: partial-page/m);
    assert.equal((await flatview(['lint', '--page-size', '64K', apart])).status, 0);
  });

  test('--only counts notes, too; --ignore leaves out; --as looks at one address space', async () => {
    const skipped = await flatview(['lint', '--only', 'dma-skipped', rtl8168]);
    assert.equal(skipped.status, 1);
    assert.match(skipped.stdout, /^2 notes, with pages of 0x1000 bytes$/m);
    const ignored = ['--ignore', 'split-page,dma-skipped'];
    assert.equal((await flatview(['lint', ...ignored, rtl8168])).status, 0);
    assert.equal((await flatview(['lint', '--as', 'I/O', rtl8168])).status, 0);
  });

  test('prints JSON', async () => {
    const { stdout } = await flatview(['lint', '--json', rtl8168]);
    const { page_size: pageSize, findings, rules } = JSON.parse(stdout);
    assert.equal(pageSize, '0x1000');
    const [finding] = findings;
    assert.equal(findings.length, 1);
    assert.equal(finding.id, 'split-page');
    assert.equal(finding.first, '0xfebd6000');
    assert.equal(finding.regions[0].name, '0000:03:00.0 BAR 2 mmaps[0]');
    assert.deepEqual(Object.keys(rules['split-page']), ['title', 'why', 'cure']);
  });

  test('bad options are bad usage', async () => {
    for (const args of [
      ['--level', 'fatal'],
      ['--only', 'nothing'],
      ['--page-size', '3000'],
      ['--as', 'nowhere'],
    ]) {
      const { status, stdout, stderr } = await flatview(['lint', ...args, rtl8168]);
      assert.equal(status, 2, args.join(' '));
      assert.equal(stdout, '');
      assert.match(stderr, /^flatview: .*\(ERR_INVALID_ARGUMENT\)$/m);
    }
  });
});

suite('flatview diff', () => {
  test('answers as diff does', async () => {
    const same = await flatview(['diff', rtl8168, rtl8168]);
    assert.equal(same.status, 0);
    assert.equal(same.stdout, 'The flat views are the same.\n');
    const moved = await flatview(['diff', shared, apart]);
    assert.equal(moved.status, 1);
    assert.match(moved.stdout, /^"memory" and \d+ more: 2 changed, 1 moved$/m);
    assert.equal((await flatview(['diff', shared, '/nowhere'])).status, 2);
    assert.equal((await flatview(['diff', '-', '-'])).status, 2);
    assert.equal((await flatview(['diff', '--as', 'I/O', shared, apart])).status, 0);
  });

  test('prints JSON', async () => {
    const { stdout } = await flatview(['diff', '--json', shared, apart]);
    const { same, views } = JSON.parse(stdout);
    assert.equal(same, false);
    const kinds = views[0].changes.map(({ change }: { change: string }) => change);
    assert.deepEqual(kinds, ['changed', 'moved', 'changed']);
  });
});
