// The corpus of the batch fuzzer, replayed through the addon with the self-check on, and its commits as they crossed.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe as suite, test } from 'node:test';
import { brotliDecompressSync } from 'node:zlib';
import { addon } from '../../lib/native/addon.js';
import { commitRefusal, recordLayout } from '../../lib/native/engine-addon.js';
import { corpusFolder } from './corpus-folder.js';

/** One line of the file that `npm run fuzz -- batches --merge` writes. */
interface BatchInput {
  /** Of the fuzzer's input. */
  readonly name: string;
  readonly commits: readonly BatchCommit[];
}

interface BatchCommit {
  readonly rolledBack: boolean;
  /** What the engine answered there: 0, or one of {@link commitRefusal}. */
  readonly refusal: number;
  /** Hexadecimal. */
  readonly records: string;
}

function batchInputs(): BatchInput[] {
  const packed = readFileSync(path.join(corpusFolder, 'batches.jsonl.br'));
  const lines = brotliDecompressSync(packed).toString().trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as BatchInput);
}

/** Commits as the fuzzer did; whether the engine agrees with rendering from scratch, it says itself. */
function replay({ commits }: BatchInput): void {
  const engine = addon.engineCreate(true);
  try {
    for (const commit of commits) {
      const { refusal, records, rolledBack } = commit;
      // Where the fuzzer's engine gave up, with less to spend, the trees are different ones from here on.
      if (refusal === commitRefusal.tooMuchWork) return;
      const bytes = Uint8Array.from(Buffer.from(records, 'hex'));
      addon.engineUseBatch(engine, bytes.buffer);
      const outcome = addon.engineCommit(engine, bytes.length / recordLayout.bytes, false);
      assert.equal(Math.min(outcome, 0), refusal);
      if (outcome < 0) continue;
      if (rolledBack) addon.engineRollback(engine);
      else addon.enginePublish(engine);
    }
  } finally {
    addon.engineDestroy(engine);
  }
}

const inputs = batchInputs();

suite(`batches of any content are committed or refused: ${inputs.length} inputs`, () => {
  test('the commits are those of the inputs of the fuzzer (else: npm run fuzz -- batches --merge)', () => {
    const names = inputs.map(({ name }) => name);
    assert.deepEqual(names, readdirSync(path.join(corpusFolder, 'batches')).sort());
  });

  for (const input of inputs) test(input.name, () => replay(input));
});
