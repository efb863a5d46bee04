import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MemoryTopology } from '../../../lib/index.js';
import { assumedConsumers } from '../../../lib/mtree/map/assumed-consumers.js';
import { buildPageMap } from '../../../lib/mtree/map/build-page-map.js';
import { buildTimeline } from '../../../lib/mtree/map/build-timeline.js';
import { MapTimeline } from '../../../lib/mtree/map/map-timeline.js';
import type { PageMap } from '../../../lib/mtree/map/page-map.js';
import { changesOfHands } from '../../../lib/mtree/recording/changes-of-hands.js';
import {
  CommitRecorder,
  RecordedTopology,
  type Recording,
  readRecording,
} from '../../../lib/mtree/recording/index.js';
import { MemorySink } from '../recording/recorded.js';

function seabios(): Recording {
  const file = new URL('../../../../examples/recordings/pc-seabios.fvr.gz', import.meta.url);
  return readRecording(readFileSync(fileURLToPath(file)));
}

const consumers = assumedConsumers(4096n);

/** A map in which each number of a region is what is told of it, and without the texts that places were cut from. */
function told({ regions, spaces, ...map }: PageMap) {
  return {
    ...map,
    spaces: spaces.map(({ ranges, placements, consumers: all, ...space }) => ({
      ...space,
      ranges: ranges.map((range) => ({ ...range, region: regions[range.region] })),
      placements: placements.map((one) => ({ ...one, region: regions[one.region] })),
      consumers: all.map(({ name, verdicts }) => ({
        name,
        verdicts: verdicts.map(({ text: _, ...verdict }) => verdict),
      })),
    })),
  };
}

/** As it is when it has travelled in a page. */
function travelled(timeline: MapTimeline): MapTimeline {
  return new MapTimeline(JSON.parse(JSON.stringify(timeline.packed)));
}

/** Checks each step, from the first to the last and back, against a map that is made of the topology at that step. */
function assertSameMaps(timeline: MapTimeline, recording: Recording): void {
  using replayed = new RecordedTopology(recording);
  const maps = timeline.steps.map(({ number }) => {
    replayed.advanceTo(number);
    return told(buildPageMap(replayed.addressSpaces, { consumers }));
  });
  const there = [...timeline.steps.entries()];
  for (const [at, { number }] of [...there, ...there.toReversed()]) {
    assert.deepEqual(told(timeline.mapAt(number)), maps[at], `step ${number}`);
  }
}

suite('the maps of a recording', () => {
  test('are at each step what a map of the topology is then', async () => {
    const recording = seabios();
    const timeline = travelled(await buildTimeline(recording));
    assert.equal(timeline.steps.length, recording.stepCount + 1);
    assertSameMaps(timeline, recording);
  });

  test('know the steps at which an address changed hands, as a replay does', async () => {
    const recording = seabios();
    const timeline = travelled(await buildTimeline(recording));
    const ends = timeline.steps.flatMap(({ number }) =>
      timeline
        .mapAt(number, 'memory')
        .spaces.flatMap(({ ranges }) => ranges.flatMap(({ first, last }) => [first, last])),
    );
    const addresses = [...new Set(ends)];
    assert.ok(addresses.length > 50, `${addresses.length} addresses`);
    for (const address of addresses) {
      using replayed = new RecordedTopology(recording);
      const expected = [...changesOfHands(replayed, address)].map(({ step, before, after }) => [
        step.number,
        before?.name,
        after?.name,
      ]);
      const found = timeline
        .handsAt('memory', address)
        .map(({ step, before, after }) => [step.number, before?.name, after?.name]);
      assert.deepEqual(found, expected, address.toString(16));
    }
  });

  test('follow address spaces and regions that come, go and change', async () => {
    const sink = new MemorySink();
    const topology = new MemoryTopology();
    const system = topology.container('system', 1n << 40n);
    const ram = topology.ram('ram', 1 << 20, { backing: 'none' });
    system.addSubregion(0, ram);
    topology.addressSpace('memory', system);
    const recorder = new CommitRecorder(topology, sink);
    const twin = topology.addressSpace('twin', system);
    const bar = topology.io('bar', 0x1000, {});
    system.addSubregion(0x8000, bar, { priority: 1 });
    const other = topology.io('bar', 0x1000, {});
    system.addSubregion(0x8000, other, { priority: 2 });
    bar.size = 0x2000n;
    bar.priority = 3;
    twin.destroy();
    const ports = topology.addressSpace('ports', topology.io('ports', 0x10000, {}));
    ports.destroy();
    ram.enabled = false;
    bar.enabled = false;
    system.removeSubregion(other);
    recorder.close();
    const timeline = travelled(await buildTimeline(sink.recording));
    assertSameMaps(timeline, sink.recording);
    assert.deepEqual(timeline.names, ['memory', 'ports']);
    const steps = timeline
      .handsAt('memory', 0x8000n)
      .map(({ before, after }) => [before?.name, before?.priority, after?.name, after?.priority]);
    assert.deepEqual(steps, [
      ['ram', 0, 'bar', 1],
      ['bar', 1, 'bar', 2],
      ['bar', 2, 'bar', 3],
      ['bar', 3, 'bar', 2],
      ['bar', 2, undefined, undefined],
    ]);
  });

  test('can be of some steps, and are cut where they take too much room', async () => {
    const recording = seabios();
    const some = await buildTimeline(recording, { from: 18, to: 20 });
    assert.deepEqual(
      some.steps.map(({ number }) => number),
      [18, 19, 20],
    );
    assertSameMaps(some, recording);
    const cut = await buildTimeline(recording, { maxLength: 30_000 });
    assert.ok(cut.last > 0 && cut.last < cut.recorded);
    assert.equal(cut.recorded, 41);
    assertSameMaps(cut, recording);
    const code = 'ERR_INVALID_ARGUMENT';
    assert.throws(() => some.mapAt(17), { code });
    await assert.rejects(buildTimeline(recording, { from: 42 }), { code });
    await assert.rejects(buildTimeline(recording, { from: 3, to: 2 }), { code });
  });

  test('take little more room than the first of them', async () => {
    const recording = seabios();
    const [all, one] = await Promise.all([
      buildTimeline(recording),
      buildTimeline(recording, { to: 0 }),
    ]);
    const [long, short] = [all, one].map(({ packed }) => JSON.stringify(packed).length);
    assert.ok(long! < short! * 5, `${short} characters, then ${long} for 41 steps`);
  });

  test('stop when they are told to', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const making = buildTimeline(seabios(), { signal: stop.signal });
    stop.abort(reason);
    await assert.rejects(making, reason);
  });
});
