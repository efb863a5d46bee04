// The language that all sides of a comparison speak: calls to a memory core, one a line.
//
//   container 0 0x10000000000000000       region 0, of 2^64 bytes
//   io 1 0x1000
//   add 0 1 0x2000 0                      parent, child, address, priority
//   space 0 0                             address space 0 shows region 0
//   listen 0                              somebody hears, and counts, what changes there
//   step                                  what follows is repeated and timed, step by step
//   address 1 0x4000
//   step
//   address 1 0x2000
//
// Regions and address spaces go by number. What comes before the first `step` builds the tree. Steps that are repeated
// end where they began. A `lookup ADDRESS` is one of the addresses that are looked up in address space 0.

import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';

/** What each kind of call is made with. */
export interface Arguments {
  container: [region: number, size: bigint];
  io: [region: number, size: bigint];
  ram: [region: number, size: bigint];
  'ram-device': [region: number, size: bigint];
  'rom-device': [region: number, size: bigint];
  alias: [region: number, target: number, offset: bigint, size: bigint];
  space: [space: number, root: number];
  listen: [space: number];
  add: [parent: number, region: number, address: bigint, priority: number];
  remove: [parent: number, region: number];
  address: [region: number, value: bigint];
  size: [region: number, value: bigint];
  offset: [region: number, value: bigint];
  enabled: [region: number, on: number];
  readonly: [region: number, on: number];
  nonvolatile: [region: number, on: number];
  romd: [region: number, on: number];
  begin: [];
  commit: [];
}

export type Verb = keyof Arguments;

/** A call that each side makes in its own API. Outside of `begin` and `commit` it is a transaction of its own. */
export type Call = { [V in Verb]: readonly [verb: V, ...values: Arguments[V]] }[Verb];

/** What every side does, in order. */
export interface Trace {
  readonly build: readonly Call[];
  readonly steps: readonly (readonly Call[])[];
  readonly lookups: readonly bigint[];
}

/** A line of a trace. */
export type Line = Call | readonly ['step'] | readonly ['lookup', bigint];

/** Writes a trace as a file that every side reads. */
export function writeTrace(path: string, { build, steps, lookups }: Trace): void {
  const lines = [
    ...build.map(formatLine),
    ...steps.flatMap((step) => ['step', ...step.map(formatLine)]),
    ...lookups.map((address) => formatLine(['lookup', address])),
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
}

/** The lines of a trace's file, read as they are asked for: nothing is kept. */
export function* readLines(path: string): Generator<Line, void> {
  const file = openSync(path, 'r');
  const chunk = Buffer.alloc(1 << 16);
  let rest = '';
  for (;;) {
    const length = readSync(file, chunk);
    if (length === 0) break;
    const lines = (rest + chunk.toString('latin1', 0, length)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield parseLine(line);
  }
  closeSync(file);
}

function formatLine([verb, ...values]: Line): string {
  const words = values.map((value) =>
    typeof value === 'bigint' ? `0x${value.toString(16)}` : value.toString(),
  );
  return [verb, ...words].join(' ');
}

/** The inverse of {@link formatLine}: what is hexadecimal is a bigint. */
function parseLine(line: string): Line {
  const [verb, ...words] = line.split(' ');
  const values = words.map((word) => (word.startsWith('0x') ? BigInt(word) : Number(word)));
  return [verb, ...values] as unknown as Line;
}
