// Plays a trace on our own memory core, in a process of its own. benchmarks/qemu/driver.c is the same program for
// QEMU's, benchmarks/native/player.cc for our engine without TypeScript.
//
//   typescript.js check  TRACE STEPS                  prints all views after building, and after each of the first STEPS
//   typescript.js time   TRACE WARM_UP_NS MINIMUM_NS  repeats the steps, and says what they cost
//   typescript.js once   TRACE MAXIMUM_NS TIMES       makes the steps once, after TIMES of which nothing is said
//   typescript.js lookup TRACE WARM_UP_NS MINIMUM_NS  repeats the lookups
//   typescript.js memory TRACE                        says how much memory the process has after building

import { setImmediate as turn } from 'node:timers/promises';
import type { AddressSpace } from '../../lib/index.js';
import { readLines } from '../trace/trace.js';
import { type Action, numberOf, TraceTopology } from './trace-topology.js';
import { listenerLines, viewLines } from './views.js';

/** After so many steps what was deferred is done: finalizers run when the event loop turns. */
const stepsPerBatch = 256;

const modes: {
  readonly [mode: string]: (trace: string, ...numbers: number[]) => void | Promise<void>;
} = {
  check: runCheck,
  time: runTime,
  once: runOnce,
  lookup: runLookup,
  memory: runMemory,
};

/** A trace that was built, with its steps and lookups ready. */
class Playing {
  readonly played: TraceTopology = new TraceTopology({ selfCheck: false });
  readonly steps: Action[][] = [];
  readonly lookups: bigint[] = [];

  /** Makes the calls up to the first step. */
  constructor(path: string) {
    for (const line of readLines(path)) {
      if (line[0] === 'step') this.steps.push([]);
      else if (line[0] === 'lookup') this.lookups.push(line[1]);
      else this.#take(this.played.compile(line));
    }
  }

  makeStep(number: number): void {
    for (const action of this.steps[number % this.steps.length] ?? []) action();
  }

  #take(action: Action): void {
    const step = this.steps.at(-1);
    if (step === undefined) action();
    else step.push(action);
  }
}

function runCheck(trace: string, count = 0): void {
  const playing = new Playing(trace);
  print(viewLines(playing.played));
  for (let step = 0; step < count; step++) {
    playing.makeStep(step);
    print([`step ${step + 1}`]);
    print(viewLines(playing.played));
  }
  print(listenerLines(playing.played));
}

/** The batches' deferred work is part of their time; QEMU's, which another thread does, is only part of its CPU time. */
async function runTime(trace: string, warmUpNs = 0, minimumNs = 0): Promise<void> {
  const playing = new Playing(trace);
  const firstStep = await warmUp(playing, warmUpNs);
  const cpuStart = process.cpuUsage();
  let step = firstStep;
  let wallNs = 0;
  while (wallNs < minimumNs) {
    const start = now();
    const end = step + batchLength(step - firstStep, wallNs, minimumNs);
    while (step < end) playing.makeStep(step++);
    await turn();
    wallNs += now() - start;
  }
  report({ steps: step - firstStep, wallNs, cpuNs: cpuSince(cpuStart) });
}

/** Makes steps for so long, as CPU time: a busy machine must not keep the code from being compiled. */
async function warmUp(playing: Playing, warmUpNs: number): Promise<number> {
  let step = 0;
  for (const start = process.cpuUsage(); cpuSince(start) < warmUpNs; ) {
    playing.makeStep(step++);
    if (step % stepsPerBatch === 0) await turn();
  }
  await turn();
  return step;
}

/** As many steps as seem to be missing, but no more than a batch. */
function batchLength(made: number, wallNs: number, minimumNs: number): number {
  if (made === 0) return 1;
  const missing = Math.ceil(((minimumNs - wallNs) * made) / wallNs);
  return Math.max(1, Math.min(stepsPerBatch, missing));
}

/** What comes before the last time is not timed. */
async function runOnce(trace: string, maximumNs = 0, earlierTimes = 0): Promise<void> {
  for (let time = 0; time < earlierTimes; time++) {
    const playing = new Playing(trace);
    for (let step = 0; step < playing.steps.length; step++) playing.makeStep(step);
    playing.played.topology.close();
    await turn();
  }
  const playing = new Playing(trace);
  await turn();
  const cpuStart = process.cpuUsage();
  const start = now();
  let step = 0;
  while (step < playing.steps.length && now() - start < maximumNs) playing.makeStep(step++);
  await turn();
  report({ steps: step, wallNs: now() - start, cpuNs: cpuSince(cpuStart) });
}

function runLookup(trace: string, warmUpNs = 0, minimumNs = 0): void {
  const { played, lookups } = new Playing(trace);
  const [space] = played.spaces;
  if (space === undefined) throw new Error('a trace with lookups has an address space');
  const checksum = lookupChecksum(space, lookups);
  let hits = 0;
  for (const start = process.cpuUsage(); cpuSince(start) < warmUpNs; ) {
    hits += lookUpAll(space, lookups);
  }
  const cpuStart = process.cpuUsage();
  let wallNs = 0;
  let count = 0;
  while (wallNs < minimumNs) {
    const start = now();
    hits += lookUpAll(space, lookups);
    wallNs += now() - start;
    count += lookups.length;
  }
  report({ lookups: count, wallNs, cpuNs: cpuSince(cpuStart), checksum, hits });
}

function lookUpAll(space: AddressSpace, lookups: readonly bigint[]): number {
  let hits = 0;
  for (const address of lookups) if (space.flatView.lookup(address) !== undefined) hits++;
  return hits;
}

/** What all lookups together find, for comparing. */
function lookupChecksum({ flatView }: AddressSpace, lookups: readonly bigint[]): number {
  let sum = 0n;
  for (const address of lookups) {
    const range = flatView.lookup(address);
    if (range === undefined) continue;
    sum += address - range.address + range.offset + BigInt(numberOf(range.region) + 1);
  }
  return Number(sum);
}

/** Needs `node --expose-gc`. */
async function runMemory(trace: string): Promise<void> {
  const playing = new Playing(trace);
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await turn();
  }
  report({ heapBytes: process.memoryUsage().heapUsed, spaces: playing.played.spaces.length });
}

function report(result: Readonly<Record<string, number>>): void {
  print([JSON.stringify({ ...result, residentBytes: process.memoryUsage.rss() })]);
}

function print(lines: Iterable<string>): void {
  process.stdout.write([...lines].map((line) => `${line}\n`).join(''));
}

function cpuSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1000;
}

/** Nanoseconds, from some moment on. */
function now(): number {
  return performance.now() * 1e6;
}

const [mode = '', path = '', ...numbers] = process.argv.slice(2);
const run = modes[mode];
if (run === undefined) throw new Error(`"${mode}" is nothing that this program does`);
await run(path, ...numbers.map(Number));
