import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { flatview, type Outcome } from './command.js';

const file = fileURLToPath(
  new URL('../../../examples/recordings/pc-seabios.fvr.gz', import.meta.url),
);

function replay(...args: string[]): Promise<Outcome> {
  return flatview(['replay', file, ...args]);
}

suite('flatview replay', () => {
  test('sums up, and measures with and without a listener', async () => {
    const { status, stdout } = await replay('--json');
    assert.equal(status, 0);
    const summary = JSON.parse(stdout);
    assert.equal(summary.steps, 41);
    assert.equal(summary.first.regions, 148);
    assert.equal(summary.truncated, false);
    assert.ok(summary.ranges_changed.most >= summary.ranges_changed.median);
    for (const times of Object.values<{ median: number; p99: number }>(
      summary.commit_microseconds,
    )) {
      assert.ok(times.median > 0 && times.p99 >= times.median);
    }
  });

  test('a step is a topology that other commands read', async () => {
    const step = await replay('--step', '19', '--json');
    const explained = await flatview(['explain', '-', 'fd000000'], step.stdout);
    assert.match(explained.stdout, /vga\.vram \+0x0 \(ram\) answers/);
    assert.match((await replay('--step', '19')).stdout, /vga\.vram/);
    assert.match((await replay('--step', '19', '--tree')).stdout, /^address-space: memory$/m);
  });

  test('bisecting finds the first change of hands after a step', async () => {
    const first = JSON.parse((await replay('--bisect', 'd0000', '--json')).stdout);
    const all = JSON.parse((await replay('--address', 'd0000', '--json')).stdout);
    assert.equal(first.step, all[0].step);
    const later = await replay('--bisect', 'fd000000', '--from', '19');
    assert.equal(later.status, 1);
    assert.match(later.stdout, /never changes hands/);
  });

  test('the difference of two steps is that of what they show', async () => {
    assert.equal((await replay('--diff', '3', '3')).status, 0);
    const { status, stdout } = await replay('--diff', '18', '19');
    assert.equal(status, 1);
    assert.match(stdout, /^\+ 00000000fd000000-00000000fdffffff \(ram\): vga\.vram$/m);
    const changes = await replay('--changes', '19');
    assert.equal(changes.status, 0);
    assert.ok(changes.stdout.endsWith(stdout));
  });

  test('says what cannot be done', async () => {
    const cases: readonly (readonly [string[], RegExp])[] = [
      [['--step', '42'], /no step 42: it ends at step 41/],
      [['--step', 'x'], /"x" is not the number of a step/],
      [['--step', '1', '--changes', '2'], /one of --step/],
      [['--diff', '1'], /--diff needs two steps/],
      [['--changes', '0'], /step 0 is the beginning/],
      [['--bisect', '0', '--as', 'nowhere'], /no address space "nowhere" at any step/],
    ];
    for (const [args, message] of cases) {
      const { status, stderr } = await replay(...args);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, message);
    }
    const none = await flatview(['replay', '-'], '{"regions":[]}\n');
    assert.equal(none.status, 2);
    assert.match(none.stderr, /^flatview: -: line 1: no recording/);
  });
});
