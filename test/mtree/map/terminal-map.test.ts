import assert from 'node:assert/strict';
import { describe as suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { flatview } from '../../cli/command.js';

const dump = fileURLToPath(new URL('../../../../examples/dumps/rtl8168.json', import.meta.url));

suite('flatview map in a terminal', () => {
  test('shows ranges of pages, and what a split page holds', async () => {
    const { status, stdout } = await flatview(['map', dump, '--from', 'febd0000']);
    assert.equal(status, 0);
    assert.match(stdout, /^febd1000-febd1fff +4 KiB +½!! +a page of 4 parts {2}! sub-page$/m);
    assert.match(stdout, /^ +\[B:B{62}\]$/m);
    assert.match(stdout, /^ +\+070-073 i {2}vfio-rtl8168-window-data-quirk$/m);
    assert.match(stdout, /^febd5000-febd7fff +12 KiB +BSD .* over 0000:03:00\.0 BAR 4$/m);
    assert.match(stdout, /^B device memory {3}½ split page {3}S slot \(KVM\)/m);
  });

  test('says of larger pages what they make of it', async () => {
    const { stdout } = await flatview(['map', dump, '--from', 'febd0000', '--page-size', '64K']);
    assert.match(stdout, /^febd0000-febdffff +64 KiB +½!! +a page of 8 parts {2}! not-congruent$/m);
  });

  test('fits into a narrow terminal', async () => {
    const { stdout } = await flatview(['map', dump, '--width', '40', '--from', 'febd0000']);
    const lines = stdout
      .split('\n')
      .filter((line) => line.startsWith('febd') || line.includes('['));
    assert.ok(
      lines.every((line) => line.length <= 46),
      stdout,
    );
  });

  test('is coloured when that is asked for, and not in a pipe', async () => {
    const plain = await flatview(['map', dump]);
    assert.ok(!plain.stdout.includes('\u001b'));
    const coloured = await flatview(['map', dump, '--color', 'always']);
    assert.ok(coloured.stdout.includes('\u001b[34m'));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of
    assert.equal(coloured.stdout.replaceAll(/\u001b\[[\d;]*m/g, ''), plain.stdout);
  });

  test('answers no where nothing shows, and refuses what makes no sense', async () => {
    assert.equal(
      (await flatview(['map', dump, '--from', 'c0000000', '--to', 'c0000fff'])).status,
      1,
    );
    for (const bad of [
      ['--from', '2000', '--to', '1000'],
      ['--page-size', '5000'],
      ['--width', '5'],
      ['--color', 'blue'],
      ['--as', 'nowhere'],
    ]) {
      assert.equal((await flatview(['map', dump, ...bad])).status, 2, bad.join(' '));
    }
  });

  test('prints nothing but text of a name that holds control characters', async () => {
    const tree = {
      regions: [{ id: 0, name: 'a\u001b[31m\nb', type: 'ram', size: 4096 }],
      address_spaces: [{ name: 'x\u0007y', root: 0 }],
    };
    const { stdout } = await flatview(['map', '-'], JSON.stringify(tree));
    assert.match(stdout, /a\?\[31m\?b/);
    assert.match(stdout, /x\?y/);
  });

  test('is JSON for programs', async () => {
    const { stdout } = await flatview([
      'map',
      dump,
      '--json',
      '--from',
      'febd1000',
      '--to',
      'febd1fff',
    ]);
    const { page_size, spaces } = JSON.parse(stdout);
    assert.equal(page_size, '0x1000');
    const [{ address_spaces, ranges, pages, consumers }] = spaces;
    assert.deepEqual(address_spaces, ['memory']);
    assert.deepEqual(pages, [
      { first: '0xfebd1000', last: '0xfebd1fff', state: 'split', ranges: 4 },
    ]);
    assert.equal(ranges[1].region, 'vfio-rtl8168-window-data-quirk');
    assert.deepEqual(
      ranges[1].shadows.map(({ region }: { region: string }) => region),
      ['0000:03:00.0 BAR 2 mmaps[0]', '0000:03:00.0 BAR 2'],
    );
    assert.equal(consumers[0].verdicts[0].code, 'sub-page');
  });
});
