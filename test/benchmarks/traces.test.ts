// The benchmarks measure what they say: what a trace shows on our memory core is what the painter paints, and a cycle
// of steps ends where it began.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { withTrace } from '../../benchmarks/measure.js';
import { flatviewPlayer, type Mode, play } from '../../benchmarks/players/player.js';
import { TraceTopology } from '../../benchmarks/players/trace-topology.js';
import { viewLines } from '../../benchmarks/players/views.js';
import { type Case, scenarios } from '../../benchmarks/scenarios.js';
import { type Call, type Line, readLines, writeTrace } from '../../benchmarks/trace/trace.js';
import { PlainTrace } from './plain-trace.js';

/** Trees that the painter paints quickly. */
const isSmall = ({ scenario, size }: Case): boolean =>
  size <= (scenario.startsWith('pci') || scenario === 'program-bars' ? 32 : 100);

const maxPaintedSteps = 24;

/** All but those whose trace another scenario has, too. */
const cases = scenarios
  .flatMap((scenario) => scenario.cases.filter(isSmall))
  .filter(({ measure }) => measure !== 'again');
const nameOf = ({ scenario, sizeText, listeners }: Case): string =>
  `${scenario}, ${sizeText}, ${listeners} listeners`;

suite('Exact: what a trace shows is what the painter paints', () => {
  for (const it of cases) {
    test(nameOf(it), () => {
      const { build, steps } = it.trace();
      const played = new TraceTopology();
      const plain = new PlainTrace();
      for (const [number, calls] of [build, ...steps.slice(0, maxPaintedSteps)].entries()) {
        for (const call of calls) {
          played.compile(call)();
          plain.play(call);
        }
        assert.deepEqual([...viewLines(played)], [...plain.viewLines()], `after step ${number}`);
      }
      played.topology.close();
    });
  }
});

suite('Steps that are repeated end where they began', () => {
  for (const it of cases.filter(({ measure }) => measure === 'steps')) {
    test(nameOf(it), () => {
      const { build, steps } = it.trace();
      const played = new TraceTopology();
      for (const call of build) played.compile(call)();
      const before = [...viewLines(played)];
      assert.ok(steps.length > 0);
      for (const call of steps.flat()) played.compile(call)();
      assert.deepEqual([...viewLines(played)], before);
      played.topology.close();
    });
  }
});

test('A trace is read from its file as it was written', () => {
  const build: Call[] = [
    ['container', 0, 1n << 64n],
    ['io', 1, 0x1000n],
    ['alias', 2, 0, 0xffff_ffff_ffff_f000n, 0x1000n],
    ['space', 0, 0],
    ['listen', 0],
    ['begin'],
    ['add', 0, 1, 0x2000n, -1],
    ['readonly', 1, 1],
    ['commit'],
  ];
  const steps: Call[][] = [
    [['address', 1, 0n]],
    [
      ['remove', 0, 1],
      ['enabled', 1, 0],
    ],
    [],
  ];
  const folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-test-'));
  const file = path.join(folder, 'trace');
  writeTrace(file, { build, steps, lookups: [0n, 0xffff_ffff_ffff_ffffn] });
  const lines = [...readLines(file)];
  rmSync(folder, { recursive: true });
  assert.deepEqual(lines, [
    ...build,
    ...steps.flatMap((calls): Line[] => [['step'], ...calls]),
    ['lookup', 0n],
    ['lookup', 0xffff_ffff_ffff_ffffn],
  ]);
});

suite('The player answers', () => {
  const runs: readonly (readonly [string, Mode, number[], string])[] = [
    ['bar-move', 'time', [1e6, 1e6], 'steps'],
    ['program-bars', 'once', [1e6, 0], 'steps'],
    ['lookup-16', 'lookup', [1e6, 1e6], 'lookups'],
    ['bar-move', 'memory', [], 'residentBytes'],
  ];
  for (const [scenario, mode, numbers, counted] of runs) {
    test(`${mode}: ${counted}`, () => {
      const it = cases.find((one) => one.scenario === scenario)!;
      const answer = withTrace(it, ({ trace }) => play(flatviewPlayer, mode, trace, numbers));
      assert.ok(JSON.parse(answer.toString())[counted] > 0, answer.toString());
    });
  }
});
