// Runs the conformance cases against one implementation of KvmVm.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FlatviewError } from '../../../lib/index.js';
import { type Bench, cases } from './cases.js';

/** Something to run cases on; each case has one of its own. */
export interface OpenBench extends Bench {
  close(): void;
}

/** Declares one test for each case. */
export function runCases(name: string, open: () => OpenBench): void {
  suite(`KVM conformance: ${name}`, () => {
    for (const { name: what, needs, steps } of cases) {
      test(what, (t) => {
        const bench = open();
        try {
          if (needs !== undefined && bench.vm.checkExtension(needs) === 0) {
            t.skip(`capability ${needs} is missing`);
            return;
          }
          for (const [i, step] of steps.entries()) {
            const given = outcome(() => step.call(bench));
            assert.equal(given, step.gives, `call ${i + 1}, ${step.what}`);
          }
        } finally {
          bench.close();
        }
      });
    }
  });
}

/** `ok`, or the name of the error; anything that is not the kernel's refusal is thrown on. */
function outcome(body: () => void): string {
  try {
    body();
    return 'ok';
  } catch (error) {
    if (!(error instanceof FlatviewError) || error.errno === undefined) throw error;
    assert.equal(error.code, 'ERR_SYSTEM_CALL');
    assert.match(error.syscall ?? '', /^KVM_[A-Z0-9_]+\(.*\)$/);
    return error.errno;
  }
}
