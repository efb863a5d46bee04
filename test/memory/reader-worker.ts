// A worker that reads an address space while the thread that made it goes on changing it. See flat-view-reader.test.ts
// for the model; it posts what it saw when there is nothing to see any more.

import { parentPort, workerData } from 'node:worker_threads';
import { FlatViewReader, FlatviewError, type SharedAddressSpace } from '../../lib/index.js';

const { shared, pages, aliases } = workerData as {
  shared: SharedAddressSpace;
  pages: number;
  aliases: number;
};

const page = 0x1000;
const reader = new FlatViewReader(shared);
const first = reader.lookup(0);
const { generation: begin } = reader;
const wrong: string[] = [];
let lookups = 0;
let generations = 1;

parentPort?.postMessage({ isReady: first !== undefined });

/** Looks up one alias, and notes what can't be of the generation that the reader says it is of. */
function look(alias: number): void {
  const before = reader.generation;
  const range = reader.lookup(alias * 2 * page + (lookups % page));
  const { generation } = reader;
  if (generation < before) wrong.push(`${generation} after ${before}`);
  if (generation > before) generations++;
  const expected = BigInt(((generation - begin) % pages) * page);
  if (range?.offset !== expected || range.region.name !== 'target' || range.region.kind !== 'ram') {
    wrong.push(`generation ${generation}: ${range?.region.name}+${range?.offset}, not ${expected}`);
  }
  if (reader.lookup((alias * 2 + 1) * page) !== undefined) wrong.push('something in a hole');
}

let code: string | undefined;
while (code === undefined && wrong.length === 0) {
  try {
    look(lookups++ % aliases);
  } catch (error) {
    if (!(error instanceof FlatviewError)) throw error;
    code = error.code;
  }
}
parentPort?.postMessage({ code, wrong, lookups, generations });
