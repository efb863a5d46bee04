import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inflateRawSync } from 'node:zlib';
import { MapTimeline } from '../../lib/mtree/map/map-timeline.js';
import { flatview, type Outcome } from './command.js';

const recording = fileURLToPath(
  new URL('../../../examples/recordings/pc-seabios.fvr.gz', import.meta.url),
);
const dump = fileURLToPath(new URL('../../../examples/dumps/rtl8168.json', import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-map-recording-'));

function map(...args: string[]): Promise<Outcome> {
  return flatview(['map', recording, ...args]);
}

/** What travels in a page. */
function contentOf(file: string) {
  const data = /id="map-data">([^<]*)</.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  return JSON.parse(inflateRawSync(Buffer.from(data, 'base64')).toString());
}

suite('flatview map of a recording', () => {
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('draws a step: the last one unless another one is asked for', async () => {
    assert.deepEqual(await map(), await map('--step', '41'));
    assert.match((await map('--from', 'fd000000', '--to', 'fdffffff')).stdout, /vga\.vram/);
    const { stdout, status } = await map('--step', '18', '--from', 'fd000000', '--to', 'fdffffff');
    assert.doesNotMatch(stdout, /vga\.vram/);
    assert.equal(status, 1, 'nothing shows there yet');
  });

  test('draws what a replay says: the map of a step is the map of the topology at that step', async () => {
    const step = await flatview(['replay', recording, '--step', '19', '--json']);
    const fromReplay = await flatview(['map', '-', '--json'], step.stdout);
    assert.equal((await map('--step', '19', '--json')).stdout, fromReplay.stdout);
  });

  test('compares two steps', async () => {
    const { stdout, status } = await map('--diff', '18', '19');
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^memory: 1 changes\n\nfd000000-fdffffff.*\n {2}- nothing\n {2}\+ vga\.vram/,
    );
    assert.equal((await map('--diff', '19', '19')).status, 1);
  });

  test('writes a page of all steps, of some, of one, or of two', async () => {
    const file = path.join(folder, 'map.html');
    const written = async (...args: string[]) => {
      const { status, stdout, stderr } = await map('--html', file, ...args);
      assert.deepEqual([status, stdout, stderr], [0, '', ''], args.join(' '));
      return contentOf(file);
    };
    assert.equal(new MapTimeline((await written()).timeline).steps.length, 42);
    const some = new MapTimeline((await written('--steps', '3', '5')).timeline);
    assert.deepEqual([some.first, some.last, some.recorded], [3, 5, 41]);
    const ports = new MapTimeline((await written('--as', 'I/O')).timeline);
    assert.deepEqual(ports.names, ['I/O']);
    assert.equal((await written('--step', '3')).states.length, 1);
    const titles = (await written('--diff', '3', '30')).states.map(
      ({ title }: { title: string }) => title,
    );
    assert.deepEqual(titles, ['pc-seabios.fvr.gz, step 3', 'pc-seabios.fvr.gz, step 30']);
    assert.deepEqual(readdirSync(folder), ['map.html'], 'nothing is left beside it');
  });

  test('says what cannot be done', async () => {
    const file = path.join(folder, 'none.html');
    const cases: readonly (readonly [string[], RegExp])[] = [
      [[recording, '--step', '42'], /pc-seabios\.fvr\.gz: the recording has no step 42/],
      [[recording, '--step', 'x'], /"x" is not the number of a step/],
      [[recording, '--diff', '3'], /--diff needs two steps: --diff 3 7/],
      [[recording, '--step', '1', '--diff', '2', '3'], /one of --step, --diff and --steps/],
      [[recording, '--steps', '1', '2'], /--steps is of a page/],
      [[recording, '--html', file, '--steps', '5', '2'], /step 2 lies before step 5/],
      [[recording, '--html', file, '--as', 'nowhere'], /no address space "nowhere"/],
      [[recording, recording], /two steps of a recording are compared with --diff/],
      [[dump, recording], /two steps of a recording are compared with --diff/],
      [[dump, '--step', '1'], /--step, --diff and --steps are of a recording/],
    ];
    for (const [args, message] of cases) {
      const { status, stderr } = await flatview(['map', ...args]);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, message);
    }
    assert.ok(!existsSync(file));
  });
});
