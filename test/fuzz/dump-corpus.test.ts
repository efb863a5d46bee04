// The corpus of the dump fuzzer, replayed. test/run.mjs turns the self-check on.

import path from 'node:path';
import { describe as suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { checkDump } from './check-dump.js';
import { corpusFolder, readCorpus } from './corpus-folder.js';

const files = readCorpus(path.join(corpusFolder, 'dumps'));

suite(`dumps of any content are read or refused: ${files.length} inputs`, () => {
  for (const { name, bytes } of files) {
    test(name, async () => {
      checkDump(bytes);
      await setImmediate();
    });
  }
});
