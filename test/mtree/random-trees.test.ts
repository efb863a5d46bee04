// Random trees through every form: document, JSON, the monitor's text. FLATVIEW_TREES and FLATVIEW_SEED as in
// test/memory/property-trees.test.ts.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { AddressSpace } from '../../lib/index.js';
import { randomTree } from '../oracle/edits.js';
import { Lockstep } from '../oracle/lockstep.js';
import { betweenRuns, runs } from '../oracle/runs.js';
import { assertSameThroughJson, readBack, textsOf } from './round-trip.js';

/** Does something with each of many random machines. */
async function withMachines(
  parameters: fc.Parameters<[Parameters<Lockstep['run']>[0]]>,
  use: (spaces: readonly AddressSpace[]) => void,
): Promise<void> {
  const property = fc.asyncProperty(randomTree, async (tree) => {
    const machine = new Lockstep({ each: false, hearNops: false });
    machine.run(tree);
    use(machine.topology.addressSpaces);
    machine.close();
    await betweenRuns();
  });
  await fc.assert(property, parameters);
}

suite('random trees in every form', () => {
  test('Exact: described, written and read again, a tree is the same', async (t) => {
    await withMachines(runs(t, 500, 0.1), (spaces) => {
      assertSameThroughJson(spaces);
    });
  });

  test('read from text, a tree renders to the flat views of the text, or it is said that it does not', async (t) => {
    const outcomes = { same: 0, said: 0, refused: 0 };
    await withMachines(runs(t, 500, 0.1), (spaces) => {
      outcomes[readBack(textsOf(spaces))]++;
    });
    t.diagnostic(JSON.stringify(outcomes));
    assert.ok(outcomes.same > outcomes.said + outcomes.refused);
  });
});
