import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { after, beforeEach, suite, test } from 'node:test';
import { Progress } from '../../lib/cli/progress.js';
import { TextOutput } from '../../lib/cli/text-output.js';

/** A terminal, or what is none, and what was written to it. */
class Screen extends PassThrough {
  readonly isTTY: boolean;
  readonly columns = 60;

  constructor(isTTY = true) {
    super();
    this.isTTY = isTTY;
  }

  get text(): string {
    return String(this.read() ?? '');
  }
}

const erase = '\r\u001b[2K';

suite('the line that says how far something is', () => {
  const { TERM: terminal, NO_COLOR: noColour } = process.env;
  beforeEach(() => {
    process.env['TERM'] = 'xterm';
    delete process.env['NO_COLOR'];
  });
  after(() => {
    restore('TERM', terminal);
    restore('NO_COLOR', noColour);
  });

  function restore(name: string, value: string | undefined): void {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }

  /** Shows how far something is at some times, in milliseconds. */
  function shown(screen: Screen, counts: readonly (readonly [number, number])[], total?: number) {
    let now = 0;
    const progress = new Progress(new TextOutput(screen), () => now);
    for (const [time, done] of counts) {
      now = time;
      progress.show({ what: 'steps replayed', done, total });
    }
    progress.end();
    return screen.text;
  }

  test('comes after half a second, at most ten times a second, and goes', () => {
    const counts = [0, 499, 500, 550, 599, 600].map((time) => [time, time] as const);
    assert.equal(
      shown(new Screen(), counts),
      `${erase}500 steps replayed, 1,000 a second${erase}600 steps replayed, 1,000 a second${erase}`,
    );
    assert.equal(shown(new Screen(), counts.slice(0, 2)), '');
  });

  test('says what is left where that is known, in one line', () => {
    const counts = [
      [0, 0],
      [2000, 1000],
    ] as const;
    assert.equal(
      shown(new Screen(), counts, 4000),
      `${erase}1,000 of 4,000 steps replayed, 25 %, 500 a second, 6 s left${erase}`,
    );
    const long = shown(new Screen(), counts, 4_000_000_000);
    assert.equal(long.split(erase)[1]?.length, 59, 'one less than there are columns');
  });

  test('is for terminals that can take it away again, coloured or not', () => {
    const counts = [[600, 1]] as const;
    assert.equal(shown(new Screen(false), counts), '');
    process.env['TERM'] = 'dumb';
    assert.equal(shown(new Screen(), counts), '');
    process.env['TERM'] = 'xterm';
    process.env['NO_COLOR'] = '1';
    assert.notEqual(shown(new Screen(), counts), '');
    assert.equal(new TextOutput(new Screen()).hasColour, false);
  });
});
