// FLATVIEW_TREES and FLATVIEW_SEED as in test/memory/property-edits.test.ts.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { CommitRecorder, type RecordedStep } from '../../../lib/mtree/recording/index.js';
import { readSequence, sequenceNames } from '../../corpus/corpus.js';
import { CorpusTopology } from '../../corpus/corpus-topology.js';
import { randomEdits } from '../../oracle/edits.js';
import { Lockstep } from '../../oracle/lockstep.js';
import { betweenRuns, runs } from '../../oracle/runs.js';
import { MemorySink, WatchedRecording } from './recorded.js';

/** The steps of a recording, but for when they were. */
function timeless({ recording }: MemorySink): RecordedStep[] {
  return Array.from(recording.steps(), (step) => ({ ...step, time: 0 }));
}

suite('a replayed recording shows at every step what there was', () => {
  test('of random edits, some of them taken back, from any moment on', async (t) => {
    let steps = 0;
    const property = fc.asyncProperty(randomEdits, fc.nat(10), async (list, begin) => {
      const machine = new Lockstep({ each: false, hearNops: false });
      for (const edit of list.slice(0, begin)) machine.run(edit);
      const watched = new WatchedRecording(machine.topology);
      for (const edit of list.slice(begin)) machine.run(edit);
      watched.assertReplaysTheSame();
      steps += watched.recorder.steps;
      machine.close();
      await betweenRuns();
    });
    await fc.assert(property, runs(t, 400, 0.1));
    t.diagnostic(`${steps} steps`);
    assert.ok(steps > 0);
  });

  test('of random edits, put into words at once or at the end', async (t) => {
    let steps = 0;
    const property = fc.asyncProperty(randomEdits, async (list) => {
      const machine = new Lockstep({ each: false, hearNops: false });
      const [atOnce, atTheEnd] = [new MemorySink(), new MemorySink()];
      const prompt = new CommitRecorder(machine.topology, atOnce);
      machine.topology.addCommitObserver({ committed: () => prompt.flush() });
      const late = new CommitRecorder(machine.topology, atTheEnd);
      for (const edit of list) machine.run(edit);
      machine.close();
      prompt.close();
      late.close();
      assert.deepEqual(timeless(atTheEnd), timeless(atOnce));
      steps += late.steps;
      await betweenRuns();
    });
    await fc.assert(property, runs(t, 100, 0.05));
    t.diagnostic(`${steps} steps`);
    assert.ok(steps > 0);
  });

  for (const name of sequenceNames().filter((it) => it.startsWith('boot-'))) {
    test(`of ${name}, as QEMU ran it`, () => {
      const { initial, steps } = readSequence(name);
      const built = new CorpusTopology(initial);
      const watched = new WatchedRecording(built.topology);
      for (const { ops, address_spaces } of steps) {
        for (const op of ops) built.call(op, address_spaces);
      }
      assert.ok(watched.recorder.steps > 0);
      watched.assertReplaysTheSame();
      built.topology.close();
    });
  }
});
