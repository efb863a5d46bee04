import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { type FlatviewError, MemoryTopology } from '../../../lib/index.js';
import {
  CommitRecorder,
  fileSink,
  isRecording,
  type RecordedStep,
  type RecordingSink,
  readRecording,
  streamSink,
} from '../../../lib/mtree/recording/index.js';
import { MemorySink, WatchedRecording } from './recorded.js';

const stopped = { code: 'ERR_RECORDING_STOPPED' };

/** A machine with one BAR. */
function machine() {
  const topology = new MemoryTopology();
  const system = topology.container('system', 2n ** 64n);
  topology.addressSpace('memory', system);
  const bar = topology.reservation('bar', 0x1000n);
  system.addSubregion(0xfebf_0000n, bar, { priority: 1 });
  return { topology, system, bar };
}

function stepsOf(sink: MemorySink): RecordedStep[] {
  return [...sink.recording.steps()];
}

suite('what is recorded', () => {
  test('one commit is one step, however many edits it has', () => {
    const { topology, system, bar } = machine();
    const watched = new WatchedRecording(topology);
    topology.transaction(() => {
      bar.address = 0x1000n;
      bar.size = 0x2000n;
      system.addSubregion(0n, topology.ram('ram', 0x1000n, { backing: 'none' }));
    });
    bar.enabled = false;
    assert.equal(watched.recorder.steps, 2);
    watched.assertReplaysTheSame();
  });

  test('a transaction that is taken back leaves nothing, whoever ends it', () => {
    const { topology, system, bar } = machine();
    const sink = new MemorySink();
    const recorder = new CommitRecorder(topology, sink);
    const thrown = new Error('changed my mind');
    const attempt = () =>
      topology.transaction(() => {
        system.addSubregion(0n, topology.container('gone', 1n));
        bar.address = 0n;
        throw thrown;
      });
    assert.throws(attempt, thrown);
    topology.begin();
    bar.address = 0n;
    topology.rollback();
    let fails = true;
    topology.addListener({
      regionAdd: ({ address }) => {
        if (fails && address === 0n) throw thrown;
      },
    });
    assert.throws(
      () => {
        bar.address = 0n;
      },
      { code: 'ERR_LISTENER_FAILED' },
    );
    fails = false;
    recorder.close();
    assert.equal(recorder.steps, 0);
    assert.deepEqual(stepsOf(sink), []);
  });

  test('what nobody can see appears when it is put somewhere, with its subregions in their order', () => {
    const { topology, system } = machine();
    const watched = new WatchedRecording(topology);
    const card = topology.container('card', 0x1000n);
    const registers = topology.io('registers', 0x800n, {});
    card.addSubregion(0n, registers);
    card.addSubregion(0n, topology.io('over it', 0x10n, {}));
    topology.alias('unseen', registers);
    assert.equal(watched.recorder.steps, 0);
    system.addSubregion(0n, card);
    registers.address = 8n;
    assert.equal(watched.recorder.steps, 2);
    watched.assertReplaysTheSame();
  });

  test('regions and address spaces go, aliases before what they show', () => {
    const { topology, system, bar } = machine();
    const window = topology.alias('window', topology.alias('inner', bar));
    system.addSubregion(0n, window);
    const watched = new WatchedRecording(topology);
    const space = topology.addressSpace('second', window);
    topology.transaction(() => {
      const inner = window.target;
      space.destroy();
      system.removeSubregion(window);
      system.removeSubregion(bar);
      window.destroy();
      inner.destroy();
      bar.destroy();
    });
    watched.assertReplaysTheSame();
    const [, last] = stepsOf(watched.sink);
    assert.equal(last?.destroyed.length, 3);
  });

  test('marks label the next step, and time goes on', () => {
    const { topology, bar } = machine();
    const sink = new MemorySink();
    const recorder = new CommitRecorder(topology, sink);
    recorder.mark('guest sized BAR 0');
    recorder.mark('guest wrote BAR 0\n');
    bar.address = 0x1000n;
    bar.address = 0x2000n;
    recorder.close();
    const steps = stepsOf(sink);
    assert.deepEqual(
      steps.map(({ label }) => label),
      ['guest sized BAR 0; guest wrote BAR 0\n', undefined],
    );
    assert.ok((steps[0]?.time ?? 0) <= (steps[1]?.time ?? -1));
  });

  test('commits with ioeventfds only are no step', () => {
    const { topology, bar } = machine();
    const sink = new MemorySink();
    const recorder = new CommitRecorder(topology, sink);
    bar.addCoalescedRange(0n, 8n);
    recorder.close();
    assert.deepEqual(stepsOf(sink), []);
  });

  test('an observer cannot change what was committed', () => {
    const { topology, bar } = machine();
    topology.addCommitObserver({
      committed: () => {
        bar.enabled = false;
      },
    });
    assert.throws(
      () => {
        bar.address = 0n;
      },
      { code: 'ERR_CHANGE_IN_LISTENER' },
    );
    assert.equal(bar.address, 0n);
    assert.ok(bar.enabled);
  });

  test('it begins between transactions', () => {
    const { topology } = machine();
    topology.begin();
    assert.throws(() => new CommitRecorder(topology, new MemorySink()), {
      code: 'ERR_TRANSACTION_OPEN',
    });
    topology.commit();
  });
});

suite('where it is written to', () => {
  test('a file holds whole members after each flush, and is read while it grows', (t) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'flatview-recording-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'log.fvr.gz');
    const { topology, bar } = machine();
    const recorder = new CommitRecorder(topology, fileSink(file));
    const steps = () => [...readRecording(readFileSync(file)).steps()].length;
    assert.ok(isRecording(readFileSync(file)));
    assert.equal(steps(), 0);
    bar.address = 0x1000n;
    recorder.flush();
    assert.equal(steps(), 1);
    bar.address = 0x2000n;
    topology.close();
    recorder.close();
    recorder.close();
    assert.equal(steps(), 2);
  });

  test('what waits is handed over when there is enough of it', () => {
    const { topology, bar } = machine();
    const sink = new MemorySink();
    const recorder = new CommitRecorder(topology, sink);
    for (let i = 0; i < 4000; i++) bar.address = BigInt(i + 1) << 12n;
    assert.ok(sink.parts.length > 1);
    recorder.close();
    assert.ok(sink.isClosed);
    assert.equal(stepsOf(sink).length, 4000);
  });

  test('a sink that fails ends the recording, not the commit, and it is said once', async () => {
    const { topology, bar } = machine();
    const full = new Error('no space left');
    let calls = 0;
    const sink: RecordingSink = {
      write: () => {
        if (calls++ > 0) throw full;
      },
    };
    const told: FlatviewError[] = [];
    const recorder = new CommitRecorder(topology, sink, { onStopped: (error) => told.push(error) });
    for (let i = 0; i < 4000; i++) bar.address = BigInt(i + 1) << 12n;
    assert.equal(bar.address, 4000n << 12n);
    assert.deepEqual(told, [], 'not within a commit');
    await setImmediate();
    const { error } = recorder;
    assert.deepEqual([...told], [error]);
    assert.equal(error?.code, 'ERR_RECORDING_STOPPED');
    assert.equal(error?.cause, full);
    assert.equal(calls, 2);
    recorder.close();
  });

  test('an observer that hears of a commit before the recorder can end it', () => {
    const { topology, bar } = machine();
    let calls = 0;
    let recorder: CommitRecorder | undefined;
    topology.addCommitObserver({ committed: () => recorder?.flush() });
    const write = () => {
      if (calls++ > 0) throw new Error('no space left');
    };
    recorder = new CommitRecorder(topology, { write }, { onStopped: () => {} });
    bar.address = 0x1000n;
    bar.address = 0x2000n;
    assert.equal(recorder.error?.code, stopped.code);
    assert.equal(recorder.steps, 1);
    recorder.flush();
    assert.equal(calls, 2);
  });

  test('without a callback, flush and close throw what ended it', () => {
    const { topology, bar } = machine();
    let calls = 0;
    const recorder = new CommitRecorder(topology, {
      write: () => {
        if (calls++ > 0) throw new Error('no space left');
      },
    });
    bar.address = 0x1000n;
    assert.throws(() => recorder.flush(), stopped);
    bar.address = 0x2000n;
    assert.throws(() => recorder.close(), stopped);
  });

  test('a stream that falls behind ends it rather than fill the memory', () => {
    const { topology, bar } = machine();
    const stuck = new Writable({ write: () => undefined });
    const recorder = new CommitRecorder(topology, streamSink(stuck, 1000));
    const writeMany = () => {
      for (let i = 0; i < 1000; i++) {
        bar.address = BigInt(i + 1) << 12n;
        recorder.flush();
      }
    };
    assert.throws(writeMany, stopped);
    assert.ok(stuck.writableLength <= 1000);
  });

  test('so it does without a flush, and the machine goes on', async () => {
    const { topology, bar } = machine();
    const stuck = new Writable({ write: () => undefined });
    const told: FlatviewError[] = [];
    const recorder = new CommitRecorder(topology, streamSink(stuck, 1 << 16), {
      onStopped: (error) => told.push(error),
    });
    for (let i = 0; i < 100_000; i++) bar.address = BigInt(i + 1) << 12n;
    assert.ok(stuck.writableLength <= 1 << 16);
    assert.ok(recorder.steps < 100_000);
    assert.equal(bar.address, 100_000n << 12n);
    await setImmediate();
    assert.deepEqual(
      told.map(({ code }) => code),
      ['ERR_RECORDING_STOPPED'],
    );
  });
});

suite('what waits to be written', () => {
  /** Counts the lines that it is given. */
  class CountingSink implements RecordingSink {
    lines = 0;

    write(bytes: Uint8Array): void {
      this.lines += gunzipSync(bytes).toString().split('\n').length - 1;
    }
  }

  test('is no more when a hundred thousand commits come without a turn of the event loop', () => {
    const { topology, bar } = machine();
    const sink = new CountingSink();
    const recorder = new CommitRecorder(topology, sink);
    let most = 0;
    for (let i = 0; i < 100_000; i++) {
      bar.address = BigInt(i + 1) << 12n;
      most = Math.max(most, 1 + recorder.steps - sink.lines);
    }
    assert.ok(most > 100 && most < 2000, `${most} steps waited`);
    recorder.close();
    assert.equal(sink.lines, 100_001);
  });

  test('goes as soon as it is much, be it one commit', () => {
    const { topology, system } = machine();
    const sink = new CountingSink();
    const recorder = new CommitRecorder(topology, sink);
    const regions = Array.from({ length: 5000 }, (_, i) => topology.reservation(`r${i}`, 0x10n));
    topology.transaction(() => {
      for (const [i, region] of regions.entries()) system.addSubregion(BigInt(i) << 8n, region);
    });
    assert.equal(sink.lines, 2);
    topology.transaction(() => {
      for (const region of regions) region.address += 0x20n;
    });
    assert.equal(sink.lines, 3);
    recorder.close();
  });

  test('can be a tree of more regions than a call has arguments', () => {
    const { topology, system } = machine();
    const sink = new CountingSink();
    const recorder = new CommitRecorder(topology, sink);
    const cards = topology.container('cards', 2n ** 32n);
    topology.transaction(() => {
      for (let i = 0; i < 200_000; i++) {
        cards.addSubregion(BigInt(i) << 8n, topology.reservation('card', 0x10n));
      }
    });
    system.addSubregion(0n, cards);
    recorder.close();
    assert.equal(sink.lines, 2);
  });

  test('is what the tree was then, whatever becomes of it before it is written', () => {
    const { topology, system, bar } = machine();
    const sink = new MemorySink();
    const recorder = new CommitRecorder(topology, sink);
    const card = topology.container('card', 0x1000n);
    system.addSubregion(0x1000n, card);
    topology.transaction(() => {
      system.removeSubregion(bar);
      card.addSubregion(0n, bar);
      bar.size = 0x800n;
    });
    topology.transaction(() => {
      card.removeSubregion(bar);
      system.removeSubregion(card);
      bar.destroy();
      card.destroy();
    });
    topology.close();
    recorder.close();
    const [first, second, third] = stepsOf(sink);
    const [id] = first?.made.map((region) => region.id) ?? [];
    assert.deepEqual(
      second?.placed.map(({ parent, address }) => [parent, address]),
      [[id, 0n]],
    );
    assert.deepEqual(
      second?.changed.map(({ size }) => size),
      [0x800n],
    );
    assert.equal(third?.destroyed.length, 2);
  });
});
