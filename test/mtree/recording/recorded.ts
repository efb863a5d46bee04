// Recordings in memory, and what the topology was at each of their steps.

import assert from 'node:assert/strict';
import type { AddressSpace, MemoryTopology } from '../../../lib/index.js';
import { describeTopology } from '../../../lib/mtree/describe-topology.js';
import {
  CommitRecorder,
  RecordedTopology,
  type Recording,
  type RecordingSink,
  readRecording,
} from '../../../lib/mtree/recording/index.js';
import type { TopologyDocument } from '../../../lib/mtree/topology-document.js';

/** Keeps what it is given. */
export class MemorySink implements RecordingSink {
  readonly parts: Uint8Array[] = [];
  isClosed = false;

  write(bytes: Uint8Array): void {
    this.parts.push(bytes);
  }

  close(): void {
    this.isClosed = true;
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.parts);
  }

  get recording(): Recording {
    return readRecording(this.bytes);
  }
}

/** Records a topology, and describes it at the beginning and after each recorded commit. */
export class WatchedRecording {
  readonly sink: MemorySink = new MemorySink();
  readonly recorder: CommitRecorder;
  readonly live: TopologyDocument[];

  constructor(topology: MemoryTopology) {
    this.recorder = new CommitRecorder(topology, this.sink);
    this.live = [describeAll(topology.addressSpaces)];
    topology.addCommitObserver({
      committed: () => {
        if (this.recorder.steps < this.live.length) return;
        this.live.push(describeAll(topology.addressSpaces));
        assert.equal(this.live.length, this.recorder.steps + 1, 'a commit is one step');
      },
    });
  }

  /** Ends the recording, replays it, and compares every step. */
  assertReplaysTheSame(): void {
    this.recorder.close();
    using replayed = new RecordedTopology(this.sink.recording);
    for (const [step, live] of this.live.entries()) {
      if (step > 0) assert.equal(replayed.next()?.number, step);
      assert.deepEqual(describeAll(replayed.addressSpaces), live, `step ${step}`);
    }
    assert.equal(replayed.next(), undefined);
  }
}

/**
 * Regions and flat views, but for who watches all memory: that is not recorded. A read-only ram and a rom are the same
 * in a topology's JSON.
 */
function describeAll(spaces: readonly AddressSpace[]): TopologyDocument {
  const document = describeTopology(spaces, { flatViews: true });
  const flatViews = document.flatViews?.map((view) => ({
    ...view,
    ranges: view.ranges.map((range) => ({ ...range, dirtyLogMask: range.dirtyLogMask & 3 })),
  }));
  const regions = document.regions.map((region) =>
    region.kind === 'rom' ? { ...region, kind: 'ram' as const } : region,
  );
  return { ...document, regions, ...(flatViews && { flatViews }) };
}
