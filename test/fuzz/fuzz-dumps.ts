// Fuzzes the reader of dumps: makes inputs of known ones, keeps those that run something new of lib/mtree, and ends at
// the first finding. `npm run fuzz -- dumps` runs it, and watches that each input ends.
//
//   node dist/test/fuzz/fuzz-dumps.js FOLDER [--seconds=60] [--runs=N] [--seed=N] [--repeatable | --merge]
//
// FOLDER gets what is found: `corpus/`, and `finding-*`. The input that is being checked is FOLDER/running. --repeatable
// makes all inputs of those in the repository, so that the seed alone decides what they are. --merge puts a smallest
// corpus that runs the same blocks into the repository.

import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../../benchmarks/trace/random.js';
import { corpusFolder, readCorpus, saveInput } from './corpus-folder.js';
import { DumpCorpus } from './dump-corpus.js';
import { mutateDump } from './mutate-dump.js';
import { seedDumps } from './seed-dumps.js';

const { values, positionals } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    runs: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 2 ** 31)) },
    repeatable: { type: 'boolean', default: false },
    merge: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const folder = positionals[0] ?? 'build-fuzz/dumps';
const found = path.join(folder, 'corpus');
const kept = path.join(corpusFolder, 'dumps');

const files = values.repeatable ? readCorpus(kept) : [...readCorpus(kept), ...readCorpus(found)];
const known = files.map(({ bytes }) => bytes);
let running: Uint8Array = new Uint8Array();
const novelty = values.merge ? 'blocks' : 'magnitudes';
const corpus = new DumpCorpus(values.repeatable ? 'none' : novelty, (input) => {
  running = input;
  writeFileSync(path.join(folder, 'running'), input);
});

try {
  if (values.merge) await merge();
  else await fuzz(Number(values.seconds), Number(values.runs), Number(values.seed));
} catch (error) {
  console.error(error);
  console.error(`FINDING: ${saveInput(folder, running, 'finding-')}`);
  process.exitCode = 1;
}

async function fuzz(seconds: number, runs: number, seed: number): Promise<void> {
  const random = new Random(seed);
  for (const input of [...known, ...seedDumps()]) await corpus.add(input);
  report(`begins with ${corpus.inputs.length} inputs, --seed=${seed}`);
  const first = corpus.executions;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end && corpus.executions - first < runs) {
    const input = mutateDump(corpus.pick(random), corpus.pick(random), random);
    if (values.repeatable) await corpus.check(input);
    else if (await corpus.add(input)) saveInput(found, input);
  }
  const outcomes = [...corpus.outcomes].map(([outcome, count]) => `${outcome} ${count}`);
  report(`${outcomes.join(', ')}; the slowest took ${corpus.slowest.toFixed(0)} ms`);
}

async function merge(): Promise<void> {
  const inputs = [...known, ...seedDumps()].sort((a, b) => a.length - b.length);
  for (const input of inputs) await corpus.add(input);
  for (const { name } of readCorpus(kept)) {
    if (/^[0-9a-f]{40}$/.test(name)) rmSync(path.join(kept, name));
  }
  for (const input of corpus.inputs) saveInput(kept, input);
  report(`${corpus.inputs.length} inputs of ${inputs.length} are left`);
}

function report(message: string): void {
  const reached = values.repeatable ? '' : `, ${corpus.blocks} blocks`;
  console.log(`dumps: ${corpus.executions} executions${reached}; ${message}`);
}
