// Random edits of random trees, against the naive painter.
//
// FLATVIEW_TREES=100000 makes more of them; FLATVIEW_SEED=... makes those of an earlier test again.

import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type Edit, randomEdits } from '../oracle/edits.js';
import { type Followers, followers, Lockstep } from '../oracle/lockstep.js';
import { betweenRuns, runs } from '../oracle/runs.js';

suite('random edits', () => {
  test('Incremental = from scratch: after each the view is what the painter paints, and what listeners were told', async (t) => {
    const property = fc.asyncProperty(randomEdits, followers, async (edits, how) => {
      const both = new Lockstep(how);
      for (const edit of edits) {
        both.run(edit);
        both.compare();
      }
      both.close();
      await betweenRuns();
    });
    await fc.assert(property, runs<[Edit[], Followers]>(t, 1000, 0.2));
  });
});
