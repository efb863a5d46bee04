// npm run bench: our memory core and QEMU's on the same scenarios, in one run. docs/benchmarks.md says more.

import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from 'commander';
import { canCountInstructions } from './instructions.js';
import type { CaseResult, Effort } from './measure.js';
import { buildEnginePlayer, qemuPlayer } from './players/player.js';
import { machineList, tables, writeDocument } from './report/document.js';
import { type Run, thisMachine } from './report/run.js';
import { caseLine } from './report/tables.js';
import { type Choice, chosenCases, runCase } from './run-cases.js';
import { scenarios } from './scenarios.js';

interface Options {
  readonly only: readonly string[];
  readonly sizes: readonly string[];
  readonly quick: boolean;
  readonly qemu: boolean;
  readonly engine: boolean;
  readonly instructions: boolean;
  readonly trials?: number;
  readonly writeDocs: boolean;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const lastRun = path.join(root, 'benchmarks/results/last-run.json');
const thorough: Effort = { trials: 5, warmUpNs: 1e9, minimumNs: 250e6, maximumNs: 3e9 };
const quick: Effort = { trials: 3, warmUpNs: 0.6e9, minimumNs: 50e6, maximumNs: 0.5e9 };

function readOptions(): Options {
  const list = (words: string): string[] => words.split(',');
  return program
    .name('npm run bench --')
    .description('Measures flatview and QEMU on the same scenarios.')
    .option('--only <names>', `of ${scenarios.map(({ name }) => name).join(', ')}`, list, [])
    .option('--sizes <sizes>', 'regions, devices, or boots, such as 10,1000', list, [])
    .option('--quick', 'fewer sizes, shorter measurements: one or two minutes', false)
    .option('--no-qemu', "leave QEMU's side out")
    .option('--engine', 'measure our engine without TypeScript, too', false)
    .option('--instructions', 'count instructions, too; needs valgrind', false)
    .option('--trials <count>', 'how often each side has its turn', Number)
    .option('--write-docs', 'put the results into docs/benchmarks.md', false)
    .parse()
    .opts<Options>();
}

function choiceOf(options: Options): Choice {
  const effort = options.quick ? quick : thorough;
  return {
    only: options.only,
    sizes: options.sizes,
    isQuick: options.quick,
    withQemu: options.qemu && has(qemuPlayer(false), "QEMU's side: npm run bench:qemu builds it"),
    withEngine: options.engine,
    withInstructions:
      options.instructions && has(canCountInstructions() || undefined, 'instructions: no valgrind'),
    effort: { ...effort, trials: options.trials ?? effort.trials },
  };
}

/** Says what is left out when it isn't there. */
function has(it: unknown, what: string): boolean {
  if (it === undefined) say(`Without ${what}\n`);
  return it !== undefined;
}

function runAll(choice: Choice): Run {
  const date = new Date().toISOString();
  const engine = buildEnginePlayer();
  has(engine, 'the engine alone: there is no CMake to build it');
  const cases: CaseResult[] = [];
  for (const it of chosenCases(choice)) {
    try {
      const result = runCase(it, engine, choice);
      cases.push(result);
      say(`${caseLine(result)}\n`);
    } catch (error) {
      say(`${it.scenario}, ${it.sizeText}: ${error instanceof Error ? error.message : error}\n`);
      process.exitCode = 1;
    }
  }
  return {
    date,
    isQuick: choice.isQuick,
    trials: choice.effort.trials,
    machine: thisMachine(),
    loadAverage: os.loadavg()[2] ?? 0,
    cases,
  };
}

/** Progress goes where it is not in the way of the results. */
function say(text: string): void {
  process.stderr.write(text);
}

const options = readOptions();
const run = runAll(choiceOf(options));
writeFileSync(lastRun, `${JSON.stringify(run, undefined, 1)}\n`);
console.log(`\n${machineList(run)}\n\n${tables(run)}`);
if (options.writeDocs) writeDocument(root, run);
