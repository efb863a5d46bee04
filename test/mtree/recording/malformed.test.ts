// Recordings that are no such thing, cut off, or changed at random. FLATVIEW_TREES and FLATVIEW_SEED as elsewhere.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { FlatviewError } from '../../../lib/index.js';
import { RecordedTopology, readRecording } from '../../../lib/mtree/recording/index.js';
import { runs } from '../../oracle/runs.js';

const file = fileURLToPath(
  new URL('../../../../examples/recordings/pc-seabios.fvr.gz', import.meta.url),
);
const gzipped = readFileSync(file);
const example = gunzipSync(gzipped).toString();
const allSteps = 41;

const start =
  '{"flatview_recording":1,"started":"2026-01-01T00:00:00.000Z","topology":{"regions":[{"id":0,"type":"container","size":8},{"id":1,"type":"i/o","size":1,"parent":0}],"address_spaces":[{"name":"memory","root":0}]}}\n';

/** Replays all, and returns the number of steps. */
function replay(bytes: Uint8Array | string): number {
  const recording = readRecording(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
  using replayed = new RecordedTopology(recording);
  while (replayed.next());
  return replayed.step?.number ?? 0;
}

suite('recordings that are not whole', () => {
  test('cut off anywhere, the plain text is replayed up to the last whole line', () => {
    for (let length = example.indexOf('\n') + 1; length <= example.length; length += 997) {
      const cut = example.slice(0, length);
      const lines = cut.split('\n').slice(1, -1);
      const recording = readRecording(Buffer.from(cut));
      assert.equal(recording.isTruncated, !cut.endsWith('\n'));
      assert.equal(replay(cut), lines.filter((line) => !line.includes('"mark"')).length);
    }
  });

  test('cut off anywhere, the gzipped file is replayed or has no whole line', () => {
    let most = 0;
    for (let length = 0; length < gzipped.length; length += 101) {
      try {
        most = Math.max(most, replay(gzipped.subarray(0, length)));
      } catch (error) {
        assert.ok(error instanceof FlatviewError);
        assert.equal(error.code, 'ERR_MALFORMED_INPUT');
      }
    }
    assert.ok(most > 0 && most < allSteps);
    assert.equal(replay(gzipped), allSteps);
  });
});

suite('what is refused, with its line', () => {
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ['', 1, /no whole line/],
    ['{"regions":[]}\n', 1, /no recording/],
    [start.replace(':1,', ':2,'), 1, /flatview_recording is 2: version 1 can be read/],
    [start.replace('"parent":0', '"parent":9'), 1, /regions\[1\]\.parent is 9/],
    [`${start}{"t":1,"take":[1]}\n{"t":2,\n`, 3, /not JSON/],
    [`${start}{"t":"soon"}\n`, 2, /t is "soon", not a number/],
    [`${start}{"t":1,"take":[7]}\n`, 2, /no region 7/],
    [`${start}{"t":1,"place":[[1,0]]}\n`, 2, /place\[0\] is not \[region, parent, address/],
    [`${start}{"t":1,"place":[[0,1,"0x0"]]}\n`, 2, /cannot be put under itself/],
    [`${start}{"t":1,"set":[{"id":1,"offset":"0x1"}]}\n`, 2, /is no alias/],
    [`${start}{"t":1,"set":[{"id":1,"size":-1}]}\n`, 2, /set\[0\]\.size is -1/],
    [`${start}{"t":1,"gone":[1]}\n`, 2, /is still a subregion/],
    [`${start}{"t":1,"made":[{"id":1,"type":"i/o","size":1}]}\n`, 2, /a region 1 already/],
    [`${start}{"t":1,"spaces_gone":[4]}\n`, 2, /no address space 4/],
    [`${start}{"t":1,"spaces":[[0,"again",0]]}\n`, 2, /an address space 0 already/],
  ];
  for (const [text, line, message] of cases) {
    test(String(message), () => {
      assert.throws(
        () => replay(text),
        (error: unknown) => {
          assert.ok(error instanceof FlatviewError);
          assert.equal(error.code, 'ERR_MALFORMED_INPUT');
          assert.equal(error.line, line);
          assert.match(error.message, message);
          assert.ok(error.message.startsWith(`line ${line}: `), error.message);
          return true;
        },
      );
    });
  }
});

suite('recordings changed at random', () => {
  test('are replayed, or refused with a line', (t) => {
    const outcomes = { replayed: 0, refused: 0 };
    const change = fc.record({
      at: fc.nat(example.length - 1),
      remove: fc.nat(12),
      insert: fc.oneof(
        fc.constantFrom('0', '-', '"', '[', ']', '{', '}', ',', '\n', 'null', 'true', '1e9', '99'),
        fc.string({ maxLength: 6 }),
      ),
    });
    const property = fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      let text = example;
      for (const { at, remove, insert } of changes) {
        text = text.slice(0, at) + insert + text.slice(at + remove);
      }
      try {
        replay(text);
        outcomes.replayed++;
      } catch (error) {
        if (!(error instanceof FlatviewError)) throw error;
        assert.equal(typeof error.line, 'number', error.message);
        outcomes.refused++;
      }
    });
    fc.assert(property, runs(t, 200, 0.1));
    t.diagnostic(JSON.stringify(outcomes));
    assert.ok(outcomes.refused > 0);
  });
});
