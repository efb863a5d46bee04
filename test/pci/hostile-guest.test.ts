import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runHostileGuest } from './hostile-guest.js';

const { FLATVIEW_SEED, FLATVIEW_STEPS } = process.env;
const steps = FLATVIEW_STEPS === undefined ? 1500 : Number(FLATVIEW_STEPS);
const seed =
  FLATVIEW_SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(FLATVIEW_SEED);

suite("The guest can't hurt: whatever it writes to configuration spaces", () => {
  for (const faults of [false, true]) {
    const who = faults ? 'listeners that refuse now and then' : 'listeners that take everything';
    test(`${who}: nothing exposed, nothing forgotten, RAM intact, work bounded`, (t) => {
      t.diagnostic(`${steps} steps, FLATVIEW_SEED=${seed}`);
      const { counts, most } = runHostileGuest({ steps, seed, faults });
      for (const [what, count] of [...counts].sort()) t.diagnostic(`${what}: ${count}`);
      t.diagnostic(`the most of one write: ${JSON.stringify(most)}`);
      assert.ok((counts.get('write that moved something') ?? 0) > steps / 20);
      if (!faults) assert.equal(most.commits, 1);
      assert.ok(most.ranges <= 400 && most.ioctls <= 200, JSON.stringify(most));
    });
  }
});
