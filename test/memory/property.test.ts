// Random trees and random edits, against the naive painter.
//
// FLATVIEW_TREES=100000 runs more of them; FLATVIEW_SEED=... repeats a run.

import { suite, test } from 'node:test';
import fc from 'fast-check';
import { randomEdits, randomTree } from '../oracle/edits.js';
import { type Followers, Lockstep } from '../oracle/lockstep.js';
import { runs } from '../oracle/runs.js';

const followers: fc.Arbitrary<Followers> = fc.record({
  each: fc.boolean(),
  hearNops: fc.boolean(),
});

suite('random trees', () => {
  test('Exact: a view is what the naive painter paints', (t) => {
    const parameters = runs<[unknown, Followers]>(3000);
    t.diagnostic(`${parameters.numRuns} trees`);
    fc.assert(
      fc.property(randomTree, followers, (tree, how) => {
        const both = new Lockstep(how);
        both.run(tree);
        both.compare();
        both.close();
      }),
      parameters as object,
    );
  });

  test('Incremental = from scratch: after every edit the view is what the painter paints, and what listeners were told', (t) => {
    const parameters = runs<[unknown, Followers]>(1000, 0.2);
    t.diagnostic(`${parameters.numRuns} trees`);
    fc.assert(
      fc.property(randomEdits, followers, (edits, how) => {
        const both = new Lockstep(how);
        for (const edit of edits) {
          both.run(edit);
          both.compare();
        }
        both.close();
      }),
      parameters as object,
    );
  });
});
