// Random trees, against the naive painter.
//
// FLATVIEW_TREES=100000 makes more of them; FLATVIEW_SEED=... makes those of an earlier test again.

import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type Edit, randomTree } from '../oracle/edits.js';
import { type Followers, followers, Lockstep } from '../oracle/lockstep.js';
import { betweenRuns, runs } from '../oracle/runs.js';

suite('random trees', () => {
  test('Exact: a view is what the naive painter paints', async (t) => {
    const property = fc.asyncProperty(randomTree, followers, async (tree, how) => {
      const both = new Lockstep(how);
      both.run(tree);
      both.compare();
      both.close();
      await betweenRuns();
    });
    await fc.assert(property, runs<[Edit, Followers]>(t, 3000));
  });

  test('Nothing is forgotten: an explanation names everyone who lies at an address, in stacking order', async (t) => {
    const property = fc.asyncProperty(randomTree, async (tree) => {
      const both = new Lockstep({ each: false, hearNops: false });
      both.run(tree);
      both.compareExplanations();
      both.close();
      await betweenRuns();
    });
    await fc.assert(property, runs<[Edit]>(t, 500, 0.1));
  });
});
